"""Ages the data in Redis: moves every stored time back.

The scripts use the clock of the Redis server, because the clocks of instances differ.
A test cannot replace that clock without replacing the server.

The scripts compare only the present with stored times. So a test that moves every
stored time back by an hour has the same effect as an hour that passes.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

_KEY_BYTES = 8
_PROVIDER_REFUSAL = re.compile(rb"([0-9]{13}) ([a-z_]+(?: [0-9]+)?)")
_HASH_BYTES = 32


def age(redis: Any, by: timedelta) -> None:
    """Move every time in Redis back by *by*, and delete keys that expire."""
    shift = by // timedelta(milliseconds=1)
    keys = redis.keys("*")
    reads, writes = redis.pipeline(), redis.pipeline()
    reads.time()
    for key in keys:
        reads.type(key).pttl(key)
    (seconds, microseconds), *replies = reads.execute()
    now = seconds * 1000 + microseconds // 1000
    for key, kind, ttl in zip(keys, replies[::2], replies[1::2], strict=True):
        match kind:
            case b"zset":
                events = redis.zrange(key, 0, -1, withscores=True)
                writes.zadd(key, {event: at - shift for event, at in events})
            case b"hash":
                writes.hset(key, mapping=_aged(redis.hgetall(key), shift))
        # A key without an expiry keeps none, because tests look for such keys.
        if ttl > 0:
            # Redis 6.2 has no PEXPIRETIME.
            writes.pexpireat(key, now + ttl - shift)
    writes.execute()


def _aged(verification: dict[bytes, bytes], shift: int) -> dict[bytes, bytes]:
    """Return the fields with an earlier end of each code and provider refusal."""
    aged = dict(verification)
    for field, value in verification.items():
        if len(field) == _KEY_BYTES and value:
            code_hash, expires_at = value[:_HASH_BYTES], int(value[_HASH_BYTES:])
            aged[field] = code_hash + b"%d" % (expires_at - shift)
        elif refusal := _PROVIDER_REFUSAL.fullmatch(value):
            aged[field] = b"%d %s" % (int(refusal[1]) - shift, refusal[2])
    return aged
