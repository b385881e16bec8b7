"""The contents of Redis, as an attacker would read them."""

from __future__ import annotations

from typing import Any


def everything_in(client: Any) -> bytes:
    """Return every key and every value in Redis, one a line."""
    found: list[bytes] = []
    for key in client.keys("*"):
        found.append(key)
        match client.type(key):
            case b"hash":
                found += [part for pair in client.hgetall(key).items() for part in pair]
            case b"zset":
                found += client.zrange(key, 0, -1)
            case b"set":
                found += client.smembers(key)
            case b"stream":
                entries = client.xrange(key)
                found += [part for _, pairs in entries for part in pairs.values()]
            case b"string":
                found.append(client.get(key))
            case other:
                raise AssertionError(other)
    return b"\n".join(found)
