"""Large limits: a log and its packed log count exactly what a log counts."""

from __future__ import annotations

import secrets
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otp_engine.domain.limits.limits import Limit, LimitHit, Window
from otp_engine.errors import RateLimited
from otp_engine.store import keys
from otp_engine.store.limit_hits import RedisLimitHits
from otp_engine.store.limit_usage import RedisLimitUsageStore
from otp_engine.store.redis_client import RedisClient
from tests.support.limit_reference import Reference, time_of
from tests.support.time_travel import age

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
MILLISECOND = timedelta(milliseconds=1)
# A limit with a count over 5 has a packed log.
LARGEST_LOG = 5
BLOCK_SIZE = 3
LIMITS = ["2/1h", "4/1h", "6/1h", "9/1h", "12/1h", "6/20m, 9/1h", "3/1m, 9/1h"]
STEPS = [0, 0, 1, 5, 14, 20, 60, 130, 200, 600, 1000, 1195, 1800, 3595]
FIXTURE = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@pytest.fixture
def store(redis):
    """Return a store with a packed log for limits with a count over 5."""
    return RedisLimitHits(
        RedisClient(redis), largest_log=LARGEST_LOG, block_size=BLOCK_SIZE
    )


ACTIONS = st.one_of(
    *[st.tuples(st.just(Reference.acquire))] * 4,
    *[st.tuples(st.just(Reference.pass_time), st.sampled_from(STEPS))] * 3,
    st.tuples(st.just(Reference.read_usage)),
    st.tuples(st.just(Reference.repeat), st.integers(0, 9)),
    st.tuples(st.just(Reference.release), st.integers(0, 9)),
    st.tuples(st.just(Reference.release_late), st.integers(0, 99)),
    st.tuples(st.just(Reference.set_limit), st.sampled_from(LIMITS)),
)


@pytest.mark.parametrize("in_shadow", [False, True])
@given(
    limit=st.sampled_from(LIMITS), actions=st.lists(ACTIONS, min_size=20, max_size=80)
)
@settings(suppress_health_check=FIXTURE, max_examples=100)
def test_large_limit_counts_exactly_what_a_log_counts(
    redis, store, in_shadow, limit, actions
):
    redis.flushall()
    reference = Reference(redis, store, in_shadow)
    reference.set_limit(limit)

    for action, *args in actions:
        action(reference, *args)


def large(count, period=HOUR, *more):
    return LimitHit("any", "", Limit((Window(count, period), *more)))


def packed_of(hit):
    return keys.shared_limit(hit) + keys.PACKED


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


def test_log_of_a_large_limit_contains_the_last_minute_and_less_than_a_block(
    store, redis
):
    hit = large(100)

    take_slowly(store, redis, hit, 40)

    assert redis.zcard(keys.shared_limit(hit)) <= 1 + BLOCK_SIZE
    assert redis.zcard(packed_of(hit)) == 39 // BLOCK_SIZE


def test_packed_log_contains_the_blocks_of_the_longest_window_only(store, redis):
    hit = large(10_000)

    take_slowly(store, redis, hit, 400, step=20 * SECOND)

    # An hour, and less than ten minutes until the next change of the expiry.
    assert redis.zcard(packed_of(hit)) <= 70 * MINUTE // (20 * SECOND) / BLOCK_SIZE


def test_small_limit_has_no_packed_log(store, redis):
    hit = large(LARGEST_LOG)

    take_slowly(store, redis, hit, 20, step=20 * MINUTE)

    assert not redis.exists(packed_of(hit))


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
    assert exact - 5 * SECOND < refusal.value.retry_after <= exact


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
    assert MINUTE * 31 - 5 * SECOND < read.resets_in <= MINUTE * 31


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
    # The last of these packs a block, and the next one none.
    take_slowly(store, redis, large(10, HOUR), 10)
    take(store, large(13, day))
    age(redis, 23 * HOUR)

    accepted = [accepts(store, large(13, day)) for _ in range(4)]

    assert accepted == [True, True, False, False]


def test_unused_large_limit_leaves_no_key(store, redis):
    take_slowly(store, redis, large(30), 20)

    age(redis, HOUR + 10 * MINUTE)

    assert redis.dbsize() == 0


def fill(redis, hit, ages):
    """Write hits of these ages in milliseconds to the log."""
    now, log = time_of(redis), keys.shared_limit(hit)
    redis.zadd(log, {secrets.token_bytes(8): now - age for age in ages})
    redis.pexpire(log, hit.limit.windows[0].period)


def pack_all(store, redis, hit):
    """Take hits until the packed log has all that it can; return their number."""
    log, taken, size = keys.shared_limit(hit), 0, 0
    while size != (size := redis.zcard(packed_of(hit))) or not taken:
        take(store, hit)
        taken += 1
    assert redis.zcard(log) < 2 * BLOCK_SIZE + taken
    return taken


def test_hit_moves_one_block_after_a_burst(redis):
    store, hit = RedisLimitHits(RedisClient(redis), largest_log=5), large(20_000)
    fill(redis, hit, range(100_000, 103_000))

    sizes = []
    for _ in range(3):
        take(store, hit)
        sizes.append(redis.zcard(keys.shared_limit(hit)))

    assert sizes == [3001 - 250, 3002 - 500, 3003 - 750]
    assert redis.zcard(packed_of(hit)) == 3


def test_default_block_takes_a_kibibyte(redis):
    store, hit = RedisLimitHits(RedisClient(redis)), large(20_000)
    fill(redis, hit, range(100_000, 100_250))

    take(store, hit)

    [block] = redis.zrange(packed_of(hit), 0, -1)
    assert len(block) == 16 + 4 * 250


def test_hits_of_one_millisecond_are_in_one_block(store, redis):
    hit = large(100)
    fill(redis, hit, [100_000] * 10 + [90_000] * 2 + [80_000] * 4)

    taken = pack_all(store, redis, hit)
    age(redis, HOUR - 100 * SECOND)
    usage = take(store, hit)[0].used

    assert usage == 6 + taken + 1
    assert redis.zcard(packed_of(hit)) == 2


def test_hits_of_a_long_window_leave_it_exactly(store, redis):
    hit = large(31, 31 * 24 * HOUR)
    # A block has three of these: two to six days.
    days = [30, 27, 25, 24, 20, 18, 15, 13, 9]
    fill(redis, hit, [day * 24 * HOUR // MILLISECOND for day in days])
    taken = pack_all(store, redis, hit)

    used = []
    for before, after in pairwise([31, *days]):
        age(redis, (before - after) * 24 * HOUR - MINUTE)
        [usage] = RedisLimitUsageStore(RedisClient(redis)).shared_usage([hit])
        used.append(usage.used - taken)
        age(redis, MINUTE)

    assert used == [9, 8, 7, 6, 5, 4, 3, 2, 1]
    assert redis.zcard(packed_of(hit)) == 3


@pytest.mark.parametrize("block_size", [2, 250])
def test_hit_leaves_in_its_millisecond(redis, block_size):
    client, hit = RedisClient(redis), large(100_000)
    store = RedisLimitHits(client, largest_log=5, block_size=block_size)
    # One hit a millisecond, so the oldest one in a window leaves a millisecond later.
    started = time_of(redis)
    fill(redis, hit, range(100_000, 102_000))
    taken = 2_000 // block_size
    for _ in range(taken):
        take(store, hit)
    # Now the window starts within those hits.
    elapsed = (time_of(redis) - started) * MILLISECOND
    age(redis, HOUR - 101.5 * SECOND - elapsed)

    read = [
        usage
        for _ in range(20)
        for usage in RedisLimitUsageStore(client).shared_usage([large(taken + 10)])
    ]

    assert [usage.resets_in for usage in read] == [
        (usage.used - taken - 9) * MILLISECOND for usage in read
    ]


def test_hits_during_a_clock_that_was_set_back_are_counted_exactly(store, redis):
    hit = large(100)
    take_slowly(store, redis, hit, 12)
    age(redis, -10 * MINUTE)
    take_slowly(store, redis, hit, 20)

    # Hits at the minutes 0 to 11 and 2 to 21; the present is minute 22.
    used = []
    for step in [0, 38, 5, 5, 6]:
        age(redis, step * MINUTE + SECOND)
        [usage] = RedisLimitUsageStore(RedisClient(redis)).shared_usage([hit])
        used.append(usage.used)

    assert used == [32, 31, 22, 12, 5]


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
