"""Shared limits: at most COUNT events in any PERIOD, exactly."""

from __future__ import annotations

import secrets
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otp_engine.domain.limits.limits import Limit, LimitHit, Window
from otp_engine.errors import RateLimited
from otp_engine.store import keys
from tests.support.time_travel import age

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


def charge(name, count, period=HOUR, *more):
    return LimitHit(name, "", Limit((Window(count, period), *more)))


def take(store, *charges, idempotency_key=None):
    store.acquire_hits(
        charges, idempotency_key=idempotency_key or secrets.token_bytes(8)
    )


def accepts(store, *charges):
    try:
        take(store, *charges)
    except RateLimited:
        return False
    return True


@given(count=st.integers(1, 20), extra=st.integers(0, 20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
def test_limit_accepts_exactly_its_count(redis, store, count, extra):
    redis.flushall()
    limit = charge("any", count)

    accepted = [accepts(store, limit) for _ in range(count + extra)]

    assert accepted == [True] * count + [False] * extra


@given(counts=st.lists(st.integers(1, 6), min_size=1, max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
def test_lowest_of_several_limits_decides_and_all_count_the_same(redis, store, counts):
    redis.flushall()
    limits = [charge(f"limit {n}", count) for n, count in enumerate(counts)]

    accepted = sum(accepts(store, *limits) for _ in range(8))

    assert accepted == min(counts)
    assert {redis.zcard(keys.shared_limit(limit)) for limit in limits} == {min(counts)}


def test_refusal_names_the_limit_with_the_longest_wait(store):
    short = charge("short", 1, timedelta(seconds=10))
    long = charge("long", 1, HOUR)
    take(store, short, long)

    with pytest.raises(RateLimited) as rejection:
        take(store, short, long)

    assert rejection.value.limit == "long"
    assert timedelta(minutes=59) < rejection.value.retry_after <= HOUR


def test_every_window_of_a_limit_refuses(store):
    limit = charge("both", 5, HOUR, Window(1, timedelta(seconds=30)))
    take(store, limit)

    with pytest.raises(RateLimited) as rejection:
        take(store, limit)

    assert rejection.value.retry_after <= timedelta(seconds=30)


def test_retry_after_is_the_longest_in_any_order_of_windows(store):
    limit = charge("both", 1, HOUR, Window(1, timedelta(seconds=30)))
    take(store, limit)

    with pytest.raises(RateLimited) as rejection:
        take(store, limit)

    assert rejection.value.retry_after > timedelta(minutes=59)


def test_limit_accepts_again_after_retry_after_and_not_before(store, redis):
    limit = charge("any", 2)
    take(store, limit)
    take(store, limit)
    with pytest.raises(RateLimited) as rejection:
        take(store, limit)
    age(redis, rejection.value.retry_after - MINUTE)

    accepted_before = accepts(store, limit)
    age(redis, MINUTE)

    assert not accepted_before
    assert accepts(store, limit)


def test_no_period_contains_more_hits_than_the_limit(store, redis):
    # Counters and GCRA fail here: they accept twice the limit across a boundary.
    limit, count = charge("steady", 4, MINUTE), 4
    now, accepted = 0, []
    expected: list[int] = []
    # A minute ends 20 s from every event, so that the seconds of a run on a busy
    # machine change no result.
    for gap in [0, 40, 0, 0, 40, 0, 0, 0, 40, 0, 0, 0, 0, 80, 0, 0] * 3:
        age(redis, timedelta(seconds=gap))
        now += gap
        if sum(now - at < MINUTE.total_seconds() for at in expected) < count:
            expected.append(now)

        if accepts(store, limit):
            accepted.append(now)

    assert accepted == expected


def test_repeated_acquire_counts_one_hit(store, redis):
    limit, token = charge("any", 1), secrets.token_bytes(8)
    take(store, limit, idempotency_key=token)

    take(store, limit, idempotency_key=token)

    assert redis.zcard(keys.shared_limit(limit)) == 1


def test_released_hit_can_be_acquired_again(store):
    limits, token = [charge("one", 1), charge("two", 1)], secrets.token_bytes(8)
    take(store, *limits, idempotency_key=token)

    store.release_hits(limits, idempotency_key=token)
    store.release_hits(limits, idempotency_key=token)

    assert accepts(store, *limits)
    assert not accepts(store, *limits)


def test_log_contains_hits_of_its_window_only(store, redis):
    limit = charge("brief", 3, MINUTE)
    for _ in range(5):
        age(redis, 2 * MINUTE / 3)
        take(store, limit)

    # Two thirds of a minute and no more apart: the last event and the one before.
    assert redis.zcard(keys.shared_limit(limit)) == 2


def test_log_with_one_hit_expires_after_the_longest_window(store, redis):
    limit = charge("any", 3, MINUTE, Window(9, HOUR))

    take(store, limit)

    assert HOUR - MINUTE < remaining_life(redis, limit) <= HOUR


@pytest.mark.parametrize(
    ("period", "margin"),
    [(MINUTE, MINUTE / 8), (HOUR, HOUR / 8), (24 * HOUR, HOUR / 6)],
)
def test_busy_log_expires_shortly_after_the_longest_window(
    store, redis, period, margin
):
    limit = charge("any", 3, period)
    take(store, limit)
    age(redis, SECOND)

    take(store, limit)

    assert period < remaining_life(redis, limit) <= period + margin


def test_log_never_expires_before_the_end_of_a_window(store, redis):
    limit = charge("any", 1_000, HOUR)
    for minutes in [0, 1, 7, 7, 1, 30, 0, 59, 2]:
        age(redis, minutes * MINUTE)

        take(store, limit)

        # The test itself takes a moment.
        assert remaining_life(redis, limit) > HOUR - MINUTE


def test_hits_count_in_a_window_that_becomes_longer(store, redis):
    for minutes in (0, 1, 1):
        age(redis, minutes * MINUTE)
        take(store, charge("any", 9, 10 * MINUTE))
    take(store, charge("any", 9, HOUR))
    age(redis, 59 * MINUTE)

    accepted = [accepts(store, charge("any", 5, HOUR)) for _ in range(3)]

    assert accepted == [True, True, True]


def test_log_of_a_period_that_becomes_shorter_is_shortened(store, redis):
    for _ in range(3):
        take(store, charge("any", 9, 24 * HOUR))
    age(redis, 2 * MINUTE)
    take(store, charge("any", 9, MINUTE))
    age(redis, SECOND)

    take(store, charge("any", 9, MINUTE))

    assert redis.zcard(keys.shared_limit(charge("any", 9))) == 2
    assert remaining_life(redis, charge("any", 9)) <= MINUTE * 9 / 8


def test_busy_log_of_a_period_that_becomes_shorter_is_shortened(store, redis):
    for _ in range(3):
        take(store, charge("any", 9, 24 * HOUR))
        age(redis, 40 * SECOND)

    take(store, charge("any", 9, MINUTE))

    assert redis.zcard(keys.shared_limit(charge("any", 9))) == 2
    assert remaining_life(redis, charge("any", 9)) <= MINUTE * 9 / 8


def remaining_life(redis, limit):
    return timedelta(milliseconds=redis.pttl(keys.shared_limit(limit)))


def shadow(name, count, period=HOUR):
    return LimitHit(name, "", Limit((Window(count, period, shadow=True),)))


def over(store, *charges, idempotency_key=None):
    """Return for each window whether it would reject."""
    uses = store.acquire_hits(
        charges, idempotency_key=idempotency_key or secrets.token_bytes(8)
    )
    return [use.would_refuse for use in uses]


def test_shadow_limit_accepts_all_and_reports_what_it_would_refuse(store):
    limit = shadow("shadowed", 2)

    assert [over(store, limit) for _ in "1234"] == [[False], [False], [True], [True]]


@given(
    count=st.integers(1, 5),
    waits=st.lists(st.sampled_from([0, 10, 25, 60]), min_size=1, max_size=25),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
def test_shadow_limit_reports_what_an_enforced_limit_refuses(
    redis, store, count, waits
):
    redis.flushall()
    shadowed, enforced = shadow("shadowed", count, MINUTE), charge("any", count, MINUTE)
    for seconds in waits:
        age(redis, timedelta(seconds=seconds))

        [would_refuse] = over(store, shadowed)

        assert would_refuse != accepts(store, enforced)


def test_log_of_shadow_limit_contains_at_most_its_count(store, redis):
    limit = shadow("shadowed", 3)
    for _ in range(20):
        take(store, limit)

    assert redis.zcard(keys.shared_limit(limit)) == 3


def test_shadow_window_does_not_change_the_enforced_window(store):
    limits = [shadow("both", 1), charge("both", 3)]

    accepted = [accepts(store, *limits) for _ in range(5)]

    assert accepted == [True] * 3 + [False] * 2


def test_shadow_hits_do_not_count_when_limit_is_enforced(store):
    day = timedelta(days=1)
    for _ in range(3):
        take(store, charge("any", 5, day))
    take(store, shadow("any", 1, timedelta(seconds=1)))

    accepted = [accepts(store, charge("any", 5, day)) for _ in range(3)]

    assert accepted == [True, True, False]


def test_repeated_acquire_reports_the_same_shadow_result(store):
    limit, tokens = shadow("shadowed", 1), [secrets.token_bytes(8) for _ in "12"]
    limits = (limit, charge("any", 9))
    first = [over(store, *limits, idempotency_key=token) for token in tokens]

    assert [over(store, *limits, idempotency_key=token) for token in tokens] == first
    assert first == [[False, False], [True, False]]


def test_repeated_acquire_of_shadow_limits_only_reports_the_same_result(store):
    limit, token = shadow("shadowed", 1), secrets.token_bytes(8)
    take(store, limit, idempotency_key=token)

    assert over(store, limit, idempotency_key=token) == [False]


def test_released_hit_is_accepted_by_the_shadow_limit_again(store):
    limit, token = shadow("shadowed", 1), secrets.token_bytes(8)
    take(store, limit, idempotency_key=token)

    store.release_hits([limit], idempotency_key=token)

    assert over(store, limit) == [False]


def test_acquire_returns_the_usage_of_each_window(store):
    limit = charge("both", 5, HOUR, Window(1, timedelta(seconds=30)))

    by_hour, by_seconds = store.acquire_hits(
        [limit], idempotency_key=secrets.token_bytes(8)
    )

    assert (by_hour.used, by_seconds.used) == (1, 1)
    assert by_hour.resets_in == timedelta()
    assert timedelta(seconds=29) < by_seconds.resets_in <= timedelta(seconds=30)


def test_repeated_acquire_returns_the_same_usage(store):
    limit, token = charge("any", 5), secrets.token_bytes(8)
    first = store.acquire_hits([limit], idempotency_key=token)

    assert store.acquire_hits([limit], idempotency_key=token) == first


def test_acquire_without_limits_stores_nothing(store, redis):
    take(store)

    assert redis.dbsize() == 0
