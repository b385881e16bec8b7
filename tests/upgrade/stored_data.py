"""Everything in a Redis as a file, which a later day loads into another Redis.

The file has no form of one release of Redis. Times move on by the age of the file, so
that a code that was live for eight more minutes is so again.
"""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

from tests.support import time_travel

Entry = dict[str, Any]


def dump(redis: Any) -> dict[str, Any]:
    """Return the time of *redis*, and each of its keys."""
    seconds, microseconds = redis.time()
    return {
        "taken_at": seconds * 1000 + microseconds // 1000,
        "keys": [_entry(redis, key) for key in sorted(redis.scan_iter())],
    }


def load(redis: Any, stored: dict[str, Any]) -> None:
    """Write the keys of *stored*, as if they were written just now."""
    seconds, microseconds = redis.time()
    age = seconds * 1000 + microseconds // 1000 - stored["taken_at"]
    for entry in stored["keys"]:
        key = _bytes(entry["key"])
        _write(redis, key, entry, age)
        if entry["ttl"] > 0:
            redis.pexpire(key, entry["ttl"])
    time_travel.move_values(redis, -timedelta(milliseconds=age))


def _entry(redis: Any, key: bytes) -> Entry:
    kind = redis.type(key).decode()
    match kind:
        case "hash":
            value: Any = [
                [_text(field), _text(content)]
                for field, content in sorted(redis.hgetall(key).items())
            ]
        case "zset":
            value = [
                [_text(member), int(score)]
                for member, score in redis.zrange(key, 0, -1, withscores=True)
            ]
        case "list":
            value = [_text(item) for item in redis.lrange(key, 0, -1)]
        case "set":
            value = sorted(_text(item) for item in redis.smembers(key))
        case "stream":
            value = [
                [at.decode(), [[_text(name), _text(v)] for name, v in fields.items()]]
                for at, fields in redis.xrange(key)
            ]
        case "string":
            value = _text(redis.get(key))
        case other:
            raise AssertionError(other)
    return {"key": _text(key), "type": kind, "ttl": redis.pttl(key), "value": value}


def _write(redis: Any, key: bytes, entry: Entry, age: int) -> None:
    value = entry["value"]
    match entry["type"]:
        case "hash":
            redis.hset(key, mapping={_bytes(name): _bytes(v) for name, v in value})
        case "zset":
            redis.zadd(key, {_bytes(member): score for member, score in value})
        case "list":
            redis.rpush(key, *map(_bytes, value))
        case "set":
            redis.sadd(key, *map(_bytes, value))
        case "stream":
            for at, fields in value:
                milliseconds, _, number = at.partition("-")
                redis.xadd(
                    key,
                    {_bytes(name): _bytes(v) for name, v in fields},
                    id=f"{int(milliseconds) + age}-{number}",
                )
        case "string":
            redis.set(key, _bytes(value))


def _text(value: bytes) -> str:
    """Return *value* as text; binary values start with a line break."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return "\n" + base64.b64encode(value).decode()
    return text if text.isprintable() else "\n" + base64.b64encode(value).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text[1:]) if text.startswith("\n") else text.encode()
