"""Large limits: sub-windows count what a log counts, and at most a little longer.

The reference is the list of all events. The times of Redis are known to the moment
before and the moment after a call, so an event is in a window certainly or possibly.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otp_engine.domain.limits.limits import Limit, LimitHit, Window
from otp_engine.errors import RateLimited
from otp_engine.store import keys
from otp_engine.store.limit_hits import RedisLimitHits
from otp_engine.store.limit_usage import RedisLimitUsageStore
from otp_engine.store.redis_client import RedisClient
from tests.support.time_travel import age

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
MILLISECOND = timedelta(milliseconds=1)
# As in sub_windows.lua.
LOGGED = MINUTE
SUB_WINDOW = HOUR / 512
# A limit with a count over 5 has sub-windows.
LARGEST_LOG = 5
LIMITS = ["2/1h", "4/1h", "6/1h", "9/1h", "12/1h", "6/20m, 9/1h", "3/1m, 9/1h"]
STEPS = [0, 0, 1, 5, 14, 20, 60, 130, 200, 600, 1000, 1195, 1800, 3595]
NO_LIMIT = LimitHit("any", "", Limit())
FIXTURE = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@pytest.fixture
def store(redis):
    """Return a store with sub-windows for limits with a count over 5."""
    return RedisLimitHits(RedisClient(redis), largest_log=LARGEST_LOG)


@dataclass
class Event:
    """An accepted event, between two times.

    Attributes:
        released: Whether it was released, at any time.
        countable: Whether the store may still count it.
    """

    key: bytes
    earliest: timedelta
    latest: timedelta
    released: bool = False
    countable: bool = True


@dataclass
class Reference:
    """A shared limit of a store, and the list of all its events."""

    redis: Any
    store: RedisLimitHits
    in_shadow: bool
    hit: LimitHit = NO_LIMIT
    aged: timedelta = timedelta()
    events: list[Event] = field(default_factory=list)

    def set_limit(self, text: str) -> None:
        windows = Limit.parse(text).windows
        self.hit = LimitHit(
            "any",
            "",
            Limit(tuple(Window(w.count, w.period, self.in_shadow) for w in windows)),
        )

    def pass_time(self, seconds: int) -> None:
        age(self.redis, seconds * SECOND)
        self.aged += seconds * SECOND

    def now(self) -> timedelta:
        seconds, microseconds = self.redis.time()
        return timedelta(seconds=seconds, microseconds=microseconds) + self.aged

    def is_accepted(self, key: bytes) -> bool:
        try:
            usage = self.store.acquire_hits([self.hit], idempotency_key=key)
        except RateLimited:
            return False
        return not usage[0].would_refuse

    def acquire(self) -> None:
        """Acquire a hit, and verify that no window is exceeded or refuses early."""
        event = Event(secrets.token_bytes(8), self.now(), self.now())
        accepted = self.is_accepted(event.key)
        event.latest = self.now() + MILLISECOND
        assert all(self.redis.pttl(key) > 0 for key in self.redis.keys("*"))
        if accepted:
            self.events.append(event)
            for window in self.hit.limit.windows:
                assert self.certainly_in(window, event) <= window.count
        else:
            assert any(
                self.possibly_in(window, event) >= window.count
                for window in self.hit.limit.windows
            )

    def certainly_in(self, window: Window, event: Event) -> int:
        return sum(
            event.latest - other.earliest < window.period
            for other in self.events
            if not other.released
        )

    def possibly_in(self, window: Window, event: Event) -> int:
        return sum(
            event.earliest - other.latest < window.period + SUB_WINDOW + SECOND / 100
            for other in self.events
            if other.countable
        )

    def recent(self, index: int) -> Event | None:
        """Return an event that can still be repeated or released."""
        oldest = self.now() + SECOND - LOGGED
        recent = [e for e in self.events if e.earliest > oldest and not e.released]
        return recent[index % len(recent)] if recent else None

    def repeat(self, index: int) -> None:
        if event := self.recent(index):
            assert self.is_accepted(event.key)

    def release(self, index: int) -> None:
        if event := self.recent(index):
            self.store.release_hits([self.hit], idempotency_key=event.key)
            event.released, event.countable = True, False

    def release_late(self, index: int) -> None:
        """Release any event; an old one stays counted."""
        if self.events:
            event = self.events[index % len(self.events)]
            self.store.release_hits([self.hit], idempotency_key=event.key)
            event.released = True


ACTIONS = st.one_of(
    *[st.tuples(st.just(Reference.acquire))] * 4,
    *[st.tuples(st.just(Reference.pass_time), st.sampled_from(STEPS))] * 3,
    st.tuples(st.just(Reference.repeat), st.integers(0, 9)),
    st.tuples(st.just(Reference.release), st.integers(0, 9)),
    st.tuples(st.just(Reference.release_late), st.integers(0, 99)),
    st.tuples(st.just(Reference.set_limit), st.sampled_from(LIMITS)),
)


@pytest.mark.parametrize("in_shadow", [False, True])
@given(limit=st.sampled_from(LIMITS), actions=st.lists(ACTIONS, max_size=60))
@settings(suppress_health_check=FIXTURE, max_examples=60)
def test_limit_is_never_exceeded_and_refuses_at_most_a_sub_window_early(
    redis, store, in_shadow, limit, actions
):
    redis.flushall()
    reference = Reference(redis, store, in_shadow)
    reference.set_limit(limit)

    for action, *args in actions:
        action(reference, *args)


def large(count, period=HOUR, *more):
    return LimitHit("any", "", Limit((Window(count, period), *more)))


def sums_of(hit):
    return keys.shared_limit(hit) + keys.SUMS


def take(store, hit):
    return store.acquire_hits([hit], idempotency_key=secrets.token_bytes(8))


def accepts(store, hit):
    try:
        take(store, hit)
    except RateLimited:
        return False
    return True


def take_slowly(store, redis, hit, count, step=MINUTE):
    for _ in range(count):
        take(store, hit)
        age(redis, step)


def test_log_of_a_large_limit_contains_the_last_minute_only(store, redis):
    hit = large(100)

    take_slowly(store, redis, hit, 40)

    assert redis.zcard(keys.shared_limit(hit)) <= 3
    assert redis.zcard(sums_of(hit)) >= 36


def test_sums_contain_as_many_members_as_the_window_has_sub_windows(store, redis):
    hit = large(10_000)

    take_slowly(store, redis, hit, 400, step=20 * SECOND)

    assert redis.zcard(sums_of(hit)) <= HOUR // (20 * SECOND) + 3


def test_small_limit_has_no_sums(store, redis):
    hit = large(LARGEST_LOG)

    take_slowly(store, redis, hit, 20, step=20 * MINUTE)

    assert not redis.exists(sums_of(hit))


def test_full_large_limit_accepts_after_retry_after_and_not_before(store, redis):
    hit = large(30)
    take_slowly(store, redis, hit, 30)
    with pytest.raises(RateLimited) as refusal:
        take(store, hit)
    age(redis, refusal.value.retry_after - 5 * SECOND)

    accepted_before = accepts(store, hit)
    age(redis, 5 * SECOND)

    assert not accepted_before
    assert accepts(store, hit)
    assert not accepts(store, hit)


@pytest.mark.parametrize("count", [6, 7, 12, 17, 22, 26])
def test_lower_limit_waits_until_enough_hits_leave_the_window(store, redis, count):
    take_slowly(store, redis, large(30), 30)

    with pytest.raises(RateLimited) as refusal:
        take(store, large(count))

    # One hit a minute, the last one a minute ago; the last *count* may stay but one.
    exact = HOUR - count * MINUTE
    assert exact - 5 * SECOND < refusal.value.retry_after < exact + SUB_WINDOW


def test_shortest_window_decides_how_early_a_refusal_can_be(store, redis):
    hit = large(6, 20 * MINUTE, Window(90, HOUR))
    take_slowly(store, redis, hit, 6)

    with pytest.raises(RateLimited) as refusal:
        take(store, hit)

    assert refusal.value.retry_after < 14 * MINUTE + 20 * MINUTE / 512


def test_hit_of_the_last_minute_can_be_repeated_and_released(store, redis):
    hit, key = large(6), secrets.token_bytes(8)
    store.acquire_hits([hit], idempotency_key=key)
    for _ in range(5):
        age(redis, 10 * SECOND)
        take(store, hit)

    store.acquire_hits([hit], idempotency_key=key)
    accepted_before = accepts(store, hit)
    store.release_hits([hit], idempotency_key=key)

    assert not accepted_before
    assert accepts(store, hit)


def test_usage_of_a_large_limit_is_that_of_all_its_hits(store, redis):
    hit = large(30)
    take_slowly(store, redis, hit, 29)

    [usage] = take(store, hit)
    [read] = RedisLimitUsageStore(RedisClient(redis)).shared_usage([hit])

    assert (usage.used, read.used) == (30, 30)
    assert MINUTE * 30 < read.resets_in < MINUTE * 31 + SUB_WINDOW


def test_hits_of_a_large_limit_count_for_a_small_one(store, redis):
    take_slowly(store, redis, large(30), 30)

    assert not accepts(store, large(3))
    age(redis, HOUR)
    assert [accepts(store, large(3)) for _ in range(4)] == [True] * 3 + [False]


def test_hits_of_a_small_limit_count_for_a_large_one(store, redis):
    take_slowly(store, redis, large(5), 5)

    accepted = [accepts(store, large(12)) for _ in range(8)]

    assert accepted == [True] * 7 + [False]


def test_hits_count_in_a_window_that_becomes_longer(store, redis):
    day = 24 * HOUR
    take_slowly(store, redis, large(9, HOUR), 9)
    take(store, large(12, day))
    age(redis, 23 * HOUR)

    accepted = [accepts(store, large(12, day)) for _ in range(4)]

    assert accepted == [True, True, False, False]


def test_unused_large_limit_leaves_no_key(store, redis):
    take_slowly(store, redis, large(30), 20)

    age(redis, HOUR + 10 * MINUTE)

    assert redis.dbsize() == 0


def test_clock_that_is_set_back_loses_no_hit(store, redis):
    hit = large(9)
    take_slowly(store, redis, hit, 6)
    # As if the clock were set back by ten minutes.
    age(redis, -10 * MINUTE)

    accepted = [accepts(store, hit) for _ in range(4)]
    age(redis, 5 * MINUTE)
    take_slowly(store, redis, large(12), 2)

    assert accepted == [True, True, True, False]
    assert not accepts(store, large(11))
