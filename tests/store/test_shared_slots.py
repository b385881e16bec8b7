"""Shared limits over several Cluster slots."""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otp_engine.domain.limits import hits
from otp_engine.domain.limits.limits import Limit, LimitHit
from otp_engine.domain.models import Channel
from otp_engine.domain.phones import numbers
from otp_engine.domain.policy.policy import PARSERS, Policy
from otp_engine.errors import RateLimited
from otp_engine.store import keys
from otp_engine.store.limit_hits import RedisLimitHits
from otp_engine.store.limit_usage import RedisLimitUsageStore
from otp_engine.store.redis_client import RedisClient
from otp_engine.store.shared_slots import SharedSlots

SLOTS = 4
COUNTRY = LimitHit("sends_per_country", "IN", Limit.parse("3/1h"))
TOTAL = LimitHit("sends_total", "", Limit.parse("4001/1h, 90000/24h"))


@pytest.fixture
def hits_store(redis):
    return RedisLimitHits(RedisClient(redis), shared_slots=SLOTS)


@pytest.fixture
def usage_store(redis):
    return RedisLimitUsageStore(RedisClient(redis), shared_slots=SLOTS)


def acquire(store, *hits, key=None):
    key = key or secrets.token_bytes(8)
    return store.acquire_hits(hits, idempotency_key=key)


def accepts(store, *hits):
    try:
        acquire(store, *hits)
    except RateLimited:
        return False
    return True


def stored_hits(redis):
    return sum(redis.zcard(key) for key in redis.keys("*"))


def fill(redis, shares):
    """Fill every slot of a limit to its part of the first window."""
    for share in shares:
        count = share.part.limit.windows[0].count
        now = redis.time()[0] * 1000
        key = keys.shared_limit(share.part, share.slot)
        redis.zadd(key, {b"%08d" % n: now for n in range(count)})
        redis.pexpire(key, 86_400_000)


@given(slots=st.integers(1, 64), counts=st.lists(st.integers(1, 1_000_000), min_size=1))
def test_parts_of_a_limit_add_up_to_its_count(slots, counts):
    text = ", ".join(f"{count}/{n + 1}h" for n, count in enumerate(counts[:5]))
    limit = Limit.parse(text)

    shares = SharedSlots(slots).shares(LimitHit("any", "", limit))

    for n, window in enumerate(limit.windows):
        parts = [share.part.limit.windows[n].count for share in shares]
        assert sum(parts) == window.count
        assert max(parts) - min(parts) <= 1
    assert len({share.slot for share in shares}) == len(shares)


def test_full_parts_accept_no_more_event(redis, hits_store):
    fill(redis, SharedSlots(SLOTS).shares(TOTAL))

    assert not any(accepts(hits_store, TOTAL) for _ in range(40))
    assert stored_hits(redis) == 4001


def test_small_limit_is_exact_with_several_slots(hits_store):
    accepted = [accepts(hits_store, COUNTRY) for _ in range(9)]

    assert accepted == [True] * 3 + [False] * 6


def test_refusal_of_one_slot_releases_the_hits_of_the_others(redis, hits_store):
    fill(redis, SharedSlots(SLOTS).shares(TOTAL))

    for _ in range(9):
        assert not accepts(hits_store, COUNTRY, TOTAL)

    assert stored_hits(redis) == 4001
    assert accepts(hits_store, COUNTRY)


def test_repeated_acquire_in_several_slots_counts_once(redis, hits_store):
    key = secrets.token_bytes(8)
    first = acquire(hits_store, COUNTRY, TOTAL, key=key)

    assert acquire(hits_store, COUNTRY, TOTAL, key=key) == first
    assert stored_hits(redis) == 2


def test_released_hits_leave_every_slot(redis, hits_store):
    for _ in range(9):
        key = secrets.token_bytes(8)
        acquire(hits_store, COUNTRY, TOTAL, key=key)
        hits_store.release_hits([COUNTRY, TOTAL], idempotency_key=key)

    assert stored_hits(redis) == 0


def test_usage_is_that_of_all_slots(hits_store, usage_store):
    for _ in range(40):
        acquire(hits_store, TOTAL)

    usages = usage_store.shared_usage([COUNTRY, TOTAL])

    assert [str(usage.window) for usage in usages] == ["3/1h", "4001/1h", "90000/1d"]
    assert [usage.used for usage in usages] == [0, 40, 40]
    assert not any(usage.resets_in for usage in usages)


def test_acquire_estimates_the_usage_of_all_slots(hits_store):
    _, *of_total = acquire(hits_store, COUNTRY, TOTAL)

    assert [usage.window for usage in of_total] == list(TOTAL.limit.windows)
    assert [usage.used for usage in of_total] == [4, 4]


def test_shadow_limit_over_several_slots_refuses_nothing(redis, hits_store):
    shadow = LimitHit("sends_total", "", Limit.parse("4000/1h shadow"))
    fill(redis, SharedSlots(SLOTS).shares(shadow))

    [usage] = acquire(hits_store, shadow)

    assert usage.would_refuse
    assert usage.used == 4000


def test_idempotency_keys_use_the_parts_equally():
    slots = SharedSlots(8)
    hit = LimitHit("sends_total", "", Limit.parse("8000/1m"))

    # 90 % of the limit, in parts of 1,000.
    used = Counter(
        shares[0].slot
        for n in range(7_200)
        for shares in slots.group([hit], hashlib.sha256(b"%d" % n).digest()[:8])
    )

    assert len(used) == 8
    assert max(used.values()) < 1_000


def test_limits_of_addresses_are_distributed_over_the_slots():
    slots, limit = SharedSlots(8), Limit.parse("20/10m")
    hits = [LimitHit("sends_per_ip", f"address {n}", limit) for n in range(200)]

    used = {share.slot for hit in hits for share in slots.shares(hit)}

    assert used == set(range(8))


def test_limits_in_one_slot_keep_the_keys_of_a_service_without_the_setting(redis):
    acquire(RedisLimitHits(RedisClient(redis)), COUNTRY)

    assert redis.keys("*") == [b"otp:{shared}:sends_per_country:IN"]


def test_limits_of_one_send_are_in_one_slot(redis):
    policy = Policy(
        sends_per_country=PARSERS["sends_per_country"]("9/1h, IN=8/1h"),
        sends_per_prefix=PARSERS["sends_per_prefix"]("+91=7/1h, +919445=6/1h shadow"),
        sends_per_channel=PARSERS["sends_per_channel"]("5/1h"),
        sends_total=Limit.parse("4/1h"),
    )
    number = numbers.parse("+919445012345", "IN")
    counted = hits.for_destination(number, Channel.SMS, policy)

    usage = RedisLimitHits(RedisClient(redis)).acquire_hits(
        counted, idempotency_key=bytes(8)
    )

    assert [each.used for each in usage] == [1] * 5
    assert sorted(redis.keys("*")) == [
        b"otp:{shared}:sends_per_channel:sms",
        b"otp:{shared}:sends_per_country:IN",
        b"otp:{shared}:sends_per_prefix:+91",
        b"otp:{shared}:sends_per_prefix:+919445:shadow",
        b"otp:{shared}:sends_total",
    ]


def test_period_of_a_part_is_that_of_the_limit():
    shares = SharedSlots(SLOTS).shares(TOTAL)

    assert {share.part.limit.windows[1].period for share in shares} == {
        timedelta(days=1)
    }
