"""Makes what Redis holds older, as if time had passed.

The scripts ask the Redis server what time it is, and rightly so: the clocks of many
instances differ, and a limit that is counted by two clocks is no limit. So there is no
clock that a test could hand in, a rule of ten minutes would take ten minutes to test,
and a server that was told another time would no longer be the one that people run.

But time only ever shows as the distance between now and a moment that is stored. Moving
every stored moment back by an hour is the same as an hour gone by, with the real server
and the real scripts.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

_TOKEN_BYTES = 8
_REFUSAL = re.compile(rb"([0-9]{13}) ([a-z_]+(?: [0-9]+)?)")
_HASH_BYTES = 32


def age(client: Any, by: timedelta) -> None:
    """Let *by* pass for everything in Redis; what would have ended is gone."""
    shift = by // timedelta(milliseconds=1)
    keys = client.keys("*")
    asked, writes = client.pipeline(), client.pipeline()
    for key in keys:
        asked.type(key).pexpiretime(key)
    facts = asked.execute()
    for key, kind, ends in zip(keys, facts[::2], facts[1::2], strict=True):
        match kind:
            case b"zset":
                events = client.zrange(key, 0, -1, withscores=True)
                writes.zadd(key, {event: at - shift for event, at in events})
            case b"hash":
                writes.hset(key, mapping=_aged(client.hgetall(key), shift))
        # A key that never ends is left so, for it is what a test would want to see.
        if ends > 0:
            writes.pexpireat(key, ends - shift)
    writes.execute()


def _aged(verification: dict[bytes, bytes], shift: int) -> dict[bytes, bytes]:
    """The same fields, with the end of each code and refusal moved back."""
    aged = dict(verification)
    for field, value in verification.items():
        if len(field) == _TOKEN_BYTES and value:
            tag, ends = value[:_HASH_BYTES], int(value[_HASH_BYTES:])
            aged[field] = tag + b"%d" % (ends - shift)
        elif refusal := _REFUSAL.fullmatch(value):
            aged[field] = b"%d %s" % (int(refusal[1]) - shift, refusal[2])
    return aged
