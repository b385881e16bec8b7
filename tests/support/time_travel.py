"""Moves every time in Redis back, as if time had passed.

The scripts use the clock of the Redis server, because the clocks of instances differ.
A test cannot replace that clock without replacing the server.

The scripts compare only the present with stored times. So a test that moves every
stored time back by an hour has the same effect as an hour that passes.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

_TOKEN_BYTES = 8
_REFUSAL = re.compile(rb"([0-9]{13}) ([a-z_]+(?: [0-9]+)?)")
_HASH_BYTES = 32


def age(redis: Any, by: timedelta) -> None:
    """Move every time in Redis back by *by*, and delete what has then expired."""
    shift = by // timedelta(milliseconds=1)
    keys = redis.keys("*")
    asked, writes = redis.pipeline(), redis.pipeline()
    for key in keys:
        asked.type(key).pexpiretime(key)
    facts = asked.execute()
    for key, kind, ends in zip(keys, facts[::2], facts[1::2], strict=True):
        match kind:
            case b"zset":
                events = redis.zrange(key, 0, -1, withscores=True)
                writes.zadd(key, {event: at - shift for event, at in events})
            case b"hash":
                writes.hset(key, mapping=_aged(redis.hgetall(key), shift))
        # A key without an expiry keeps none, because tests look for such keys.
        if ends > 0:
            writes.pexpireat(key, ends - shift)
    writes.execute()


def _aged(verification: dict[bytes, bytes], shift: int) -> dict[bytes, bytes]:
    """Return the same fields with an earlier end of each code and error."""
    aged = dict(verification)
    for field, value in verification.items():
        if len(field) == _TOKEN_BYTES and value:
            tag, ends = value[:_HASH_BYTES], int(value[_HASH_BYTES:])
            aged[field] = tag + b"%d" % (ends - shift)
        elif refusal := _REFUSAL.fullmatch(value):
            aged[field] = b"%d %s" % (int(refusal[1]) - shift, refusal[2])
    return aged
