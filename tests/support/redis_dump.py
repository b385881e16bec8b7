"""The contents of Redis, as an attacker would read them."""

from __future__ import annotations

from typing import Any


def everything_in(redis: Any) -> bytes:
    """Return every key and every value in Redis, one a line."""
    found: list[bytes] = []
    for key in redis.keys("*"):
        found.append(key)
        match redis.type(key):
            case b"hash":
                found += [part for pair in redis.hgetall(key).items() for part in pair]
            case b"zset":
                found += redis.zrange(key, 0, -1)
            case b"set":
                found += redis.smembers(key)
            case b"stream":
                entries = redis.xrange(key)
                found += [part for _, pairs in entries for part in pairs.values()]
            case b"string":
                found.append(redis.get(key))
            case other:
                raise AssertionError(other)
    return b"\n".join(found)
