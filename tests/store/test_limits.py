"""A limit means: never more than COUNT in any stretch of PERIOD, exactly."""

from __future__ import annotations

import secrets
import time
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otp_engine.domain.limits import Charge, Limit, Window
from otp_engine.errors import RateLimited
from otp_engine.store import keys
from tests.ageing import age

HOUR = timedelta(hours=1)


def charge(name, count, period=HOUR, *more):
    return Charge(name, "", Limit((Window(count, period), *more)))


def take(store, *charges, token=None):
    store.take(charges, token=token or secrets.token_bytes(8))


def passes(store, *charges):
    try:
        take(store, *charges)
    except RateLimited:
        return False
    return True


@given(count=st.integers(1, 20), extra=st.integers(0, 20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
def test_a_limit_lets_through_exactly_its_count(client, store, count, extra):
    client.flushall()
    limit = charge("any", count)

    passed = [passes(store, limit) for _ in range(count + extra)]

    assert passed == [True] * count + [False] * extra


@given(counts=st.lists(st.integers(1, 6), min_size=1, max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
def test_of_several_limits_the_least_decides_and_none_is_charged_more(
    client, store, counts
):
    client.flushall()
    limits = [charge(f"limit {n}", count) for n, count in enumerate(counts)]

    passed = sum(passes(store, *limits) for _ in range(8))

    assert passed == min(counts)
    assert {client.zcard(keys.shared(limit)) for limit in limits} == {min(counts)}


def test_a_refusal_names_the_limit_that_lasts_longest(store):
    short = charge("short", 1, timedelta(seconds=10))
    long = charge("long", 1, HOUR)
    take(store, short, long)

    with pytest.raises(RateLimited) as refusal:
        take(store, short, long)

    assert refusal.value.limit == "long"
    assert timedelta(minutes=59) < refusal.value.retry_after <= HOUR


def test_every_window_of_a_limit_counts(store):
    limit = charge("both", 5, HOUR, Window(1, timedelta(seconds=30)))
    take(store, limit)

    with pytest.raises(RateLimited) as refusal:
        take(store, limit)

    assert refusal.value.retry_after <= timedelta(seconds=30)


def test_the_longest_wait_is_told_in_whatever_order_the_windows_are(store):
    limit = charge("both", 1, HOUR, Window(1, timedelta(seconds=30)))
    take(store, limit)

    with pytest.raises(RateLimited) as refusal:
        take(store, limit)

    assert refusal.value.retry_after > timedelta(minutes=59)


def test_the_time_to_wait_is_the_truth(store):
    """Asked too early it is refused, and from the moment that was named it is not."""
    limit = charge("brief", 2, timedelta(milliseconds=300))
    take(store, limit)
    take(store, limit)
    began, refusals = time.monotonic(), []

    while True:
        asked = time.monotonic()
        try:
            take(store, limit)
        except RateLimited as refusal:
            refusals.append((asked, refusal.retry_after.total_seconds()))
        else:
            break

    named = max(asked + wait for asked, wait in refusals)
    assert refusals
    assert asked >= refusals[-1][0]
    assert asked - named < 0.1
    assert time.monotonic() - began < 2


def test_no_stretch_of_the_period_holds_more_than_the_count(store):
    """Counters and GCRA fail here: twice the limit passes across a boundary."""
    period, count = timedelta(milliseconds=200), 4
    limit = charge("steady", count, period)
    passed: list[tuple[float, float]] = []
    while len(passed) < 20:
        before = time.monotonic()
        if passes(store, limit):
            passed.append((before, time.monotonic()))

    spans = [passed[n + count][1] - passed[n][0] for n in range(len(passed) - count)]
    # Redis's clock is read in whole milliseconds, at both ends of a span.
    assert min(spans) > period.total_seconds() - 0.002


def test_an_event_that_is_taken_twice_is_counted_once(store, client):
    limit, token = charge("any", 1), secrets.token_bytes(8)
    take(store, limit, token=token)

    take(store, limit, token=token)

    assert client.zcard(keys.shared(limit)) == 1


def test_what_is_refunded_can_be_taken_again(store):
    limits, token = [charge("one", 1), charge("two", 1)], secrets.token_bytes(8)
    take(store, *limits, token=token)

    store.refund(limits, token=token)
    store.refund(limits, token=token)

    assert passes(store, *limits)
    assert not passes(store, *limits)


def test_a_log_keeps_only_what_a_window_still_reaches(store, client):
    limit = charge("brief", 1, timedelta(milliseconds=20))
    for _ in range(5):
        while not passes(store, limit):
            pass

    assert client.zcard(keys.shared(limit)) == 1
    assert 0 < client.pttl(keys.shared(limit)) <= 20


def shadow(name, count, period=HOUR):
    return Charge(name, "", Limit((Window(count, period, shadow=True),)))


def over(store, *charges, token=None):
    """Which of the windows would have refused."""
    uses = store.take(charges, token=token or secrets.token_bytes(8))
    return [use.over for use in uses]


def test_a_limit_in_shadow_lets_all_through_and_says_whom_it_would_refuse(store):
    limit = shadow("watched", 2)

    assert [over(store, limit) for _ in "1234"] == [[False], [False], [True], [True]]


@given(
    count=st.integers(1, 5),
    waits=st.lists(st.sampled_from([0, 10, 25, 60]), min_size=1, max_size=25),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
def test_a_limit_in_shadow_tells_exactly_whom_it_would_have_refused(
    client, store, count, waits
):
    """As it would have, had it refused: what it refuses does not count."""
    client.flushall()
    minute = timedelta(minutes=1)
    watched, enforced = shadow("watched", count, minute), charge("any", count, minute)
    for seconds in waits:
        age(client, timedelta(seconds=seconds))

        [would_refuse] = over(store, watched)

        assert would_refuse != passes(store, enforced)


def test_a_limit_in_shadow_keeps_no_more_than_its_count(store, client):
    limit = shadow("watched", 3)
    for _ in range(20):
        take(store, limit)

    assert client.zcard(keys.shared(limit)) == 3


def test_a_window_in_shadow_changes_nothing_for_those_that_refuse(store):
    limits = [shadow("both", 1), charge("both", 3)]

    passed = [passes(store, *limits) for _ in range(5)]

    assert passed == [True] * 3 + [False] * 2


def test_what_stood_in_shadow_has_taken_nothing_from_the_limit_that_comes_back(store):
    day = timedelta(days=1)
    for _ in range(3):
        take(store, charge("any", 5, day))
    take(store, shadow("any", 1, timedelta(seconds=1)))

    passed = [passes(store, charge("any", 5, day)) for _ in range(3)]

    assert passed == [True, True, False]


def test_an_event_that_is_taken_twice_is_told_the_same_of_a_shadow(store):
    limit, tokens = shadow("watched", 1), [secrets.token_bytes(8) for _ in "12"]
    both = (limit, charge("any", 9))
    first = [over(store, *both, token=token) for token in tokens]

    assert [over(store, *both, token=token) for token in tokens] == first
    assert first == [[False, False], [True, False]]


def test_what_is_refunded_has_room_in_the_shadow_again(store):
    limit, token = shadow("watched", 1), secrets.token_bytes(8)
    take(store, limit, token=token)

    store.refund([limit], token=token)

    assert over(store, limit) == [False]


def test_what_is_taken_says_how_far_each_window_is_used(store):
    limit = charge("both", 5, HOUR, Window(1, timedelta(seconds=30)))

    by_hour, by_seconds = store.take([limit], token=secrets.token_bytes(8))

    assert (by_hour.used, by_seconds.used) == (1, 1)
    assert by_hour.frees_in == timedelta()
    assert timedelta(seconds=29) < by_seconds.frees_in <= timedelta(seconds=30)


def test_an_event_that_is_taken_twice_is_told_the_same_use(store):
    limit, token = charge("any", 5), secrets.token_bytes(8)
    first = store.take([limit], token=token)

    assert store.take([limit], token=token) == first


def test_no_limit_takes_nothing(store, client):
    take(store)

    assert client.dbsize() == 0
