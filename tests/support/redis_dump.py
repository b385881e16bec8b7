"""A dump of Redis, as an attacker with its data reads it."""

from __future__ import annotations

from typing import Any


def everything_in(redis: Any) -> bytes:
    """Return every key and every value in Redis, one a line."""
    parts: list[bytes] = []
    for key in redis.keys("*"):
        parts.append(key)
        match redis.type(key):
            case b"hash":
                parts += [part for pair in redis.hgetall(key).items() for part in pair]
            case b"zset":
                parts += redis.zrange(key, 0, -1)
            case b"set":
                parts += redis.smembers(key)
            case b"stream":
                entries = redis.xrange(key)
                parts += [part for _, pairs in entries for part in pairs.values()]
            case b"string":
                parts.append(redis.get(key))
            case other:
                raise AssertionError(other)
    return b"\n".join(parts)
