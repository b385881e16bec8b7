"""Copies of the keys of one pending verification, for a Redis with many of them.

A copy is a `DUMP` that is restored with another hash tag. So the benchmark needs to
know nothing of the format, and a million copies take some seconds.
"""

from __future__ import annotations

import re
from collections.abc import Collection

import redis

_BATCH = 5_000
_TAG = re.compile(rb"\{([^}]+)\}")
# ARGV: the first copy, the number of copies, then prefix, length of the tag, suffix,
# expiry and value of each key.
_SCRIPT = """
for n = ARGV[1], ARGV[1] + ARGV[2] - 1 do
    for i = 3, #ARGV, 5 do
        local tag = string.sub(string.rep(redis.sha1hex(n), 2), 1, ARGV[i + 1])
        local name = ARGV[i] .. tag .. ARGV[i + 2]
        redis.call('RESTORE', name, ARGV[i + 3], ARGV[i + 4])
    end
end
"""


class Copies:
    """Fills a Redis with copies of some keys."""

    def __init__(self, client: redis.Redis, names: Collection[bytes]) -> None:
        """Read the values of *names*, and their expiries."""
        self._client = client
        self._values: list[bytes | int] = []
        self._count = 0
        for name in names:
            match = _TAG.search(name)
            # RESTORE takes 0 for no expiry, and PTTL replies -1.
            value, expiry = client.dump(name), max(0, client.pttl(name))
            assert match, name
            assert value, name
            self._values += [
                name[: match.start(1)],
                len(match[1]),
                name[match.end(1) :],
                expiry,
                value,
            ]

    def fill(self, count: int) -> None:
        """Store copies until there are *count* of them."""
        script = self._client.register_script(_SCRIPT)
        while self._count < count:
            batch = min(_BATCH, count - self._count)
            script(args=[self._count, batch, *self._values])
            self._count += batch
