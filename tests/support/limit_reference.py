"""The reference of a shared limit: the list of the times of all events.

The time of an accepted event is in the log. That of a refusal is between two readings
of the clock of Redis.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from otp_engine.domain.limits.limits import Limit, LimitHit, Window
from otp_engine.errors import RateLimited
from otp_engine.store import keys
from otp_engine.store.limit_hits import RedisLimitHits
from otp_engine.store.limit_usage import RedisLimitUsageStore
from otp_engine.store.redis_client import RedisClient
from tests.support.time_travel import age

SECOND, MILLISECOND = timedelta(seconds=1), timedelta(milliseconds=1)
LOGGED = 60_000
"""Milliseconds, as in packed_log.lua."""
NO_LIMIT = LimitHit("any", "", Limit())


def time_of(redis: Any) -> int:
    """Return the time of Redis in milliseconds since 1970."""
    seconds, microseconds = redis.time()
    return seconds * 1000 + microseconds // 1000


@dataclass
class Reference:
    """A shared limit of a store, and the times of all its events.

    Attributes:
        redis: The Redis of the store.
        store: The store.
        in_shadow: Whether the windows are in shadow mode.
        hit: A hit of the limit.
        aged: Milliseconds by which the times in Redis were moved back.
        times: The time of each event by its idempotency key, in milliseconds.
    """

    redis: Any
    store: RedisLimitHits
    in_shadow: bool
    hit: LimitHit = NO_LIMIT
    aged: int = 0
    times: dict[bytes, int] = field(default_factory=dict)

    def set_limit(self, text: str) -> None:
        windows = Limit.parse(text).windows
        self.hit = LimitHit(
            "any",
            "",
            Limit(tuple(Window(w.count, w.period, self.in_shadow) for w in windows)),
        )

    def pass_time(self, seconds: int) -> None:
        age(self.redis, seconds * SECOND)
        self.aged += seconds * 1000

    def now(self) -> int:
        return time_of(self.redis) + self.aged

    def logged_at(self, key: bytes) -> int | None:
        """Return the time of an event in the log."""
        at = self.redis.zscore(keys.shared_limit(self.hit), key)
        return None if at is None else int(at) + self.aged

    def usage_at(self, at: int) -> list[tuple[int, timedelta]]:
        """Return the events in each window at that time, and when it accepts one."""
        result = []
        for window in self.hit.limit.windows:
            period = window.period // MILLISECOND
            counted = sorted(t for t in self.times.values() if t > at - period)
            wait = 0
            if len(counted) >= window.count:
                wait = counted[-window.count] + period - at
            result.append((len(counted), wait * MILLISECOND))
        return result

    def is_full_at(self, at: int) -> bool:
        return any(wait for _, wait in self.usage_at(at))

    def acquire(self) -> None:
        """Acquire a hit, and verify the reply."""
        key, earliest = secrets.token_bytes(8), self.now()
        try:
            usages = self.store.acquire_hits([self.hit], idempotency_key=key)
        except RateLimited as error:
            self.verify_refusal(error.retry_after, earliest)
            return
        latest, at = self.now(), self.logged_at(key)
        usage = [(u.used, u.resets_in) for u in usages]
        assert (at is None) == usages[0].would_refuse
        if at is None:
            possible = range(earliest, latest + 1)
            assert any(
                self.is_full_at(at) and self.usage_at(at) == usage for at in possible
            )
        else:
            assert earliest <= at <= latest
            assert not self.is_full_at(at)
            self.times[key] = at
            assert self.usage_at(at) == usage
        assert all(self.redis.pttl(key) > 0 for key in self.redis.keys("*"))

    def verify_refusal(self, retry_after: timedelta, earliest: int) -> None:
        assert not self.in_shadow
        assert any(
            max(wait for _, wait in self.usage_at(at)) == retry_after
            for at in range(earliest, self.now() + 1)
        )

    def read_usage(self) -> None:
        """Verify the usage that operators read."""
        limits = RedisLimitUsageStore(RedisClient(self.redis))
        earliest = self.now()
        usage = [(u.used, u.resets_in) for u in limits.shared_usage([self.hit])]
        assert usage in [self.usage_at(at) for at in range(earliest, self.now() + 1)]

    def recent(self, index: int) -> bytes | None:
        """Return an event that can still be repeated or released."""
        oldest = self.now() + 1000 - LOGGED
        recent = [key for key, at in self.times.items() if at > oldest]
        return recent[index % len(recent)] if recent else None

    def repeat(self, index: int) -> None:
        if key := self.recent(index):
            usages = self.store.acquire_hits([self.hit], idempotency_key=key)
            assert not usages[0].would_refuse

    def release(self, index: int) -> None:
        if key := self.recent(index):
            self.store.release_hits([self.hit], idempotency_key=key)
            del self.times[key]

    def release_late(self, index: int) -> None:
        """Release any event; it stays counted if it is packed."""
        if self.times:
            key = list(self.times)[index % len(self.times)]
            is_logged = self.logged_at(key) is not None
            self.store.release_hits([self.hit], idempotency_key=key)
            if is_logged:
                del self.times[key]
