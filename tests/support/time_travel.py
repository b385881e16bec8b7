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

from otp_engine.store import keys as key_names

_KEY_BYTES = 8
_PROVIDER_REFUSAL = re.compile(rb"([0-9]{13}) ([a-z_]+(?: [0-9]+)?)")
_HASH_BYTES = 32
# No rule compares the times of a record.
_RECORD = b":record"
# Fields of deliveries, entities and challenges.
_TIME = b"_at"
_GUARD = key_names.GUARD.encode()
_PLACE = re.compile(r"(\S+ \S+ \S+) (-?[0-9]+) (-?[0-9]+) ([0-9]+) (-?[0-9]+)")
_LEDGER = re.compile(r"(\d+) (\d+) (\d+) (\d+ \d+ \d+);(.*)")
_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS
_SHARE = re.compile(r"(\S+ \S+) (-?[0-9]+)")


def age(redis: Any, by: timedelta) -> None:
    """Move every time in Redis back by *by*, and delete keys that expire."""
    shift = by // timedelta(milliseconds=1)
    keys = redis.keys("*")
    reads, writes = redis.pipeline(), redis.pipeline()
    reads.time()
    for key in keys:
        reads.pttl(key)
    (seconds, microseconds), *replies = reads.execute()
    now = seconds * 1000 + microseconds // 1000
    move_values(redis, by)
    for key, ttl in zip(keys, replies, strict=True):
        # A key without an expiry keeps none, because tests look for such keys.
        if ttl > 0:
            # Redis 6.2 has no PEXPIRETIME.
            writes.pexpireat(key, now + ttl - shift)
    writes.execute()


def move_values(redis: Any, by: timedelta) -> None:
    """Move the times in the values of all keys back by *by*, and no expiry."""
    shift = by // timedelta(milliseconds=1)
    keys = redis.keys("*")
    reads, writes = redis.pipeline(), redis.pipeline()
    for key in keys:
        reads.type(key)
    for key, kind in zip(keys, reads.execute(), strict=True):
        match kind:
            case b"zset":
                events = redis.zrange(key, 0, -1, withscores=True)
                writes.zadd(key, {event: at - shift for event, at in events})
            case b"hash" if not key.endswith(_RECORD):
                fields = redis.hgetall(key)
                move = _aged_guard if key == _GUARD else _aged
                writes.hset(key, mapping=move(fields, shift))
    writes.execute()


def _aged(verification: dict[bytes, bytes], shift: int) -> dict[bytes, bytes]:
    """Return the fields with an earlier end of each code and provider refusal."""
    aged = dict(verification)
    for field, value in verification.items():
        if len(field) == _KEY_BYTES and value:
            code_hash, expires_at = value[:_HASH_BYTES], value[_HASH_BYTES:]
            counted = b"." if expires_at.endswith(b".") else b""
            moved = int(expires_at.removesuffix(b".")) - shift
            aged[field] = code_hash + b"%d" % moved + counted
        elif field.endswith(_TIME):
            aged[field] = b"%d" % (int(value) - shift)
        elif refusal := _PROVIDER_REFUSAL.fullmatch(value):
            aged[field] = b"%d %s" % (int(refusal[1]) - shift, refusal[2])
    return aged


def _aged_guard(fields: dict[bytes, bytes], shift: int) -> dict[bytes, bytes]:
    return {
        name: aged_place(text.decode(), shift).encode() for name, text in fields.items()
    }


def aged_place(text: str, shift: int) -> str:
    """Return a field of the pumping guard with times *shift* milliseconds earlier."""
    if match := _PLACE.fullmatch(text):
        scores, at, until, trips, pressed_at = match.groups()
        times = [_moved(time, shift) for time in (at, until, pressed_at)]
        return f"{scores} {times[0]} {times[1]} {trips} {times[2]}"
    if match := _LEDGER.fullmatch(text):
        hour, first, amount, reported, sums = match.groups()
        hours, days = shift // _HOUR_MS, shift // _DAY_MS
        levels = " ".join(str(_moved(level, hours)) for level in reported.split())
        return f"{int(hour) - hours} {int(first) - days} {amount} {levels};{sums}"
    if match := _SHARE.fullmatch(text):
        return f"{match[1]} {_moved(match[2], shift)}"
    return text


def _moved(time: str, shift: int) -> int:
    """Return a stored time *shift* milliseconds earlier; 0 stands for none."""
    return int(time) and int(time) - shift
