"""Charges of messages: the global limits and the pumping guard together."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from otp_engine.domain.limits.limits import Limit, LimitHit
from otp_engine.domain.models import DestinationCharge
from otp_engine.domain.money.budget import BudgetRules
from otp_engine.domain.phones import numbers
from otp_engine.domain.pumping_guard.places import Destination, Level, Place
from otp_engine.domain.pumping_guard.rules import UNGUARDED, GuardMode, GuardRules
from otp_engine.errors import DestinationSuspended, RateLimited
from otp_engine.store import keys
from otp_engine.store.redis_store import RedisStore
from tests.support import time_travel

ALICE = Destination("+22177999", "+221779", "SN")
ON = GuardRules(mode=GuardMode.ON)
OFF = GuardRules(mode=GuardMode.OFF)
TWO = LimitHit("sends_total", "", Limit.parse("2/1h"))
MANY = LimitHit("sends_total", "", Limit.parse("1000/1h"))
SLOTS = 4


def charge(*hits, destination=ALICE, guard=ON, **more):
    return DestinationCharge(hits=hits, destination=destination, guard=guard, **more)


def acquire(store, message, key=None):
    key = key or secrets.token_bytes(8)
    return store.acquire_destination(message, idempotency_key=key)


def accepts(store, message):
    try:
        acquire(store, message)
    except (DestinationSuspended, RateLimited):
        return False
    return True


def unproven(redis, name=ALICE.block):
    return Place.parse((redis.hget(keys.GUARD, name) or b"").decode()).unproven


def block(n):
    return Destination(f"+2217{n:04}", f"+2217{n:04}"[:7], "SN")


@pytest.fixture(params=[1, SLOTS])
def store(redis, request):
    return RedisStore(redis, shared_slots=request.param)


def test_message_is_counted_by_the_guard_and_by_limits(store, redis):
    usage = acquire(store, charge(MANY))

    assert usage.guard.counted
    assert [window.used for window in usage.limit_usage] == [1]
    assert unproven(redis) == pytest.approx(1, abs=0.01)
    now = redis.time()[0] * 1000
    assert abs(usage.counted_at - now) < 60_000


def test_message_that_a_limit_refuses_is_not_counted_by_the_guard(store, redis):
    accepted = [accepts(store, charge(TWO)) for _ in range(5)]

    assert accepted == [True] * 2 + [False] * 3
    assert unproven(redis) == pytest.approx(2, abs=0.01)


def test_messages_that_a_limit_refuses_never_suspend_a_block(store, redis):
    for n in range(2):
        acquire(store, charge(TWO, destination=block(n)))

    with ThreadPoolExecutor(16) as threads:
        accepted = list(
            threads.map(lambda _: accepts(store, charge(TWO)), range(16 * 8))
        )

    assert not any(accepted)
    assert not redis.hexists(keys.GUARD, ALICE.block)


def test_message_that_the_budget_refuses_is_not_counted_by_limits(store):
    money = {"price": 6, "budget": BudgetRules(amount=10)}
    accepted = [
        accepts(store, charge(MANY, guard=OFF, proven=True, **money)) for _ in range(3)
    ]

    [usage] = store.limit_usage.shared_usage([MANY])
    assert accepted == [True, False, False]
    assert usage.used == 1


def test_message_that_the_guard_refuses_is_not_counted_by_limits(store):
    for _ in range(15):
        accepts(store, charge(MANY))

    [usage] = store.limit_usage.shared_usage([MANY])
    assert usage.used == 10


def test_exempt_message_is_counted_by_limits_only(store, redis):
    accepted = [accepts(store, charge(MANY, exempt=True)) for _ in range(15)]

    [usage] = store.limit_usage.shared_usage([MANY])
    assert all(accepted)
    assert usage.used == 15
    assert not redis.exists(keys.GUARD)


def test_guard_that_is_off_counts_nothing(store, redis):
    usage = acquire(store, charge(MANY, guard=OFF))

    assert usage.guard == UNGUARDED
    assert redis.keys("*guard*") == []
    assert redis.keys("*charge*") == []


@pytest.mark.parametrize("passing", ["vouched", "proven"])
def test_passing_message_is_counted_in_a_suspended_block(store, redis, passing):
    while accepts(store, charge()):
        pass

    usage = acquire(store, charge(**{passing: True}))

    assert usage.guard.counted
    # The network counts it; the block counts nothing during its suspension.
    assert unproven(redis, ALICE.network) == pytest.approx(11, abs=0.01)
    assert unproven(redis) == pytest.approx(10, abs=0.01)


@pytest.mark.parametrize("hits", [(), (MANY,)])
def test_repeated_request_is_charged_once(store, redis, hits):
    message = charge(*hits)

    usages = [acquire(store, message, b"repeated") for _ in range(12)]

    assert {usage.counted_at for usage in usages} == {usages[0].counted_at}
    assert all(usage == usages[0] for usage in usages if not hits)
    assert unproven(redis) == pytest.approx(1, abs=0.01)


def test_repeated_request_is_accepted_after_the_last_message(store):
    acquire(store, charge(TWO))
    acquire(store, charge(TWO), b"repeated")

    usage = acquire(store, charge(TWO), b"repeated")

    assert usage.guard.counted


def test_repeated_request_is_accepted_after_a_suspension(store):
    acquire(store, charge(), b"repeated")
    while accepts(store, charge()):
        pass

    assert acquire(store, charge(), b"repeated").guard.counted


def test_repeated_refusal_reports_the_same_new_suspension(store):
    for _ in range(10):
        acquire(store, charge())
    errors = []
    for _ in range(3):
        with pytest.raises(DestinationSuspended) as caught:
            acquire(store, charge(), b"refused!")
        errors.append(caught.value)

    assert [error.is_new for error in errors] == [True] * 3
    assert {error.until for error in errors} == {errors[0].until}
    with pytest.raises(DestinationSuspended) as caught:
        acquire(store, charge())
    assert not caught.value.is_new


@pytest.mark.parametrize("hits", [(), (MANY,)])
def test_released_message_is_returned_once(store, redis, hits):
    acquire(store, charge(*hits))
    acquire(store, charge(*hits), b"released")

    for _ in range(3):
        store.release_destination(charge(*hits), idempotency_key=b"released")

    assert unproven(redis) == pytest.approx(1, abs=0.01)
    if hits:
        [usage] = store.limit_usage.shared_usage(hits)
        assert usage.used == 1


def test_release_of_a_refused_message_changes_nothing(store, redis):
    for _ in range(10):
        acquire(store, charge())
    with pytest.raises(DestinationSuspended):
        acquire(store, charge(), b"refused!")
    before = redis.hgetall(keys.GUARD)

    store.release_destination(charge(), idempotency_key=b"refused!")

    assert redis.hgetall(keys.GUARD) == before


def test_release_of_a_message_that_passed_uncounted_changes_nothing(store, redis):
    shadow = GuardRules(mode=GuardMode.SHADOW)
    for _ in range(11):
        acquire(store, charge(guard=shadow))
    acquire(store, charge(guard=shadow), b"uncount!")
    before = redis.hgetall(keys.GUARD)

    store.release_destination(charge(guard=shadow), idempotency_key=b"uncount!")

    assert redis.hgetall(keys.GUARD) == before


def test_shadow_mode_counts_refused_messages_in_limits_only(store, redis):
    message = charge(MANY, guard=GuardRules(mode=GuardMode.SHADOW))

    usages = [acquire(store, message) for _ in range(12)]

    assert [usage.guard.counted for usage in usages] == [True] * 10 + [False] * 2
    assert usages[10].guard.suspension is not None
    assert usages[11].guard.suspension is None
    assert unproven(redis) == pytest.approx(10, abs=0.01)
    [usage] = store.limit_usage.shared_usage([MANY])
    assert usage.used == 12


def test_credit_of_a_verification_counts_once(store, redis):
    for _ in range(9):
        acquire(store, charge())

    for _ in range(3):
        store.credit_approval(ALICE, verification_id=bytes(16), messages=1, rules=ON)

    assert 6 < unproven(redis) < 7
    place = Place.parse(redis.hget(keys.GUARD, ALICE.block).decode())
    assert place.approvals == 1


@pytest.mark.parametrize(("messages", "rules"), [(0, ON), (1, OFF)])
def test_credit_without_effect_calls_no_script(store, redis, messages, rules):
    store.credit_approval(
        ALICE, verification_id=bytes(16), messages=messages, rules=rules
    )

    assert redis.dbsize() == 0


def test_guard_expires_a_month_after_the_last_message(store, redis):
    acquire(store, charge())

    days = redis.pttl(keys.GUARD) / 86_400_000
    assert 30.9 < days <= 31


def test_new_places_replace_quiet_ones(store, redis):
    for n in range(200):
        acquire(store, charge(destination=block(n), vouched=True))
    time_travel.age(redis, timedelta(days=9))

    for n in range(200, 400):
        acquire(store, charge(destination=block(n), vouched=True))

    blocks = {name for name in redis.hkeys(keys.GUARD) if len(name) == len("+22170000")}
    fresh = {block(n).block.encode() for n in range(200, 400)}
    assert fresh <= blocks
    assert len(blocks - fresh) < 50


def test_suspended_place_is_kept_by_new_places(store, redis):
    store.guard.suspend("+22165123", datetime.now(UTC) + timedelta(days=30))
    time_travel.age(redis, timedelta(days=9))

    for n in range(200):
        acquire(store, charge(destination=block(n), vouched=True))

    assert redis.hexists(keys.GUARD, "+22165123")


def test_suspended_places_are_listed(store):
    india = Destination("+91944501", "+91944", "IN")
    acquire(store, charge(destination=india))
    while accepts(store, charge()):
        pass

    [suspension] = store.guard.list_suspensions()

    assert (suspension.level, suspension.prefix) == (Level.BLOCK, ALICE.block)
    assert (suspension.country, suspension.trips) == ("SN", 1)
    assert suspension.unproven == pytest.approx(10, abs=0.01)


def test_all_places_are_listed(store):
    acquire(store, charge())

    listed = {place.prefix: place for place in store.guard.list_places()}

    assert listed.keys() == {ALICE.block, ALICE.network, ALICE.country}
    assert [listed[name].level for name in sorted(listed)] == [
        *(Level.NETWORK, Level.BLOCK, Level.COUNTRY)
    ]
    assert {place.country for place in listed.values()} == {"SN"}


def test_many_places_are_listed_in_parts(store):
    # A part has about 1,000 places.
    for n in range(1_100):
        acquire(store, charge(destination=block(n), vouched=True))

    listed = store.guard.list_places()

    assert len([p for p in listed if p.level is Level.BLOCK]) == 1_100


def test_operator_suspends_a_place_until_a_time(store):
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=2)

    store.guard.suspend("SN", until)

    with pytest.raises(DestinationSuspended) as caught:
        acquire(store, charge())
    error = caught.value
    assert (error.level, error.prefix, error.trips) == ("country", "SN", 0)
    assert error.until == until
    assert not error.is_new


def test_place_counts_as_before_after_a_suspension_by_an_operator(store, redis):
    acquire(store, charge())
    store.guard.suspend(ALICE.block, datetime.now(UTC) + timedelta(hours=1))

    time_travel.age(redis, timedelta(hours=1, seconds=1))

    assert [accepts(store, charge()) for _ in range(10)] == [True] * 9 + [False]


def test_cleared_block_accepts_messages(store):
    while accepts(store, charge()):
        pass

    assert store.guard.clear(ALICE.block) == 1
    assert accepts(store, charge())


def test_cleared_network_clears_its_blocks(store, redis):
    acquire(store, charge())
    acquire(store, charge(destination=Destination("+22177911", "+221779", "SN")))
    acquire(store, charge(destination=Destination("+22165911", "+221659", "SN")))

    assert store.guard.clear("+221779") == 3
    assert set(redis.hkeys(keys.GUARD)) == {b"+22165911", b"+221659", b"SN", b"usual"}


@pytest.mark.parametrize("name", ["", "usual", "$", "$SN", "+", "+999123", "sn", "+1*"])
def test_name_that_is_no_place_is_rejected(store, name):
    with pytest.raises(ValueError, match="must"):
        store.guard.suspend(name, datetime.now(UTC))
    with pytest.raises(ValueError, match="must"):
        store.guard.clear(name)


def test_messages_to_short_numbers_do_not_suspend_a_network_of_longer_ones(store):
    rules = GuardRules(mode=GuardMode.ON, pressure=None)
    short = numbers.parse("+436501234", "AT").destination
    long = numbers.parse("+436501234567", "AT").destination

    accepted = [
        accepts(store, charge(destination=short, guard=rules)) for _ in range(12)
    ]

    assert accepted == [True] * 10 + [False] * 2
    assert accepts(store, charge(destination=long, guard=rules))


def test_suspended_block_of_short_numbers_is_listed_as_a_block(store):
    destination = numbers.parse("+436501234", "AT").destination
    for _ in range(12):
        accepts(store, charge(destination=destination))

    [suspension] = store.guard.list_suspensions()

    assert suspension.level is Level.BLOCK
    assert suspension.country == "AT"
    assert suspension.until - datetime.now(UTC) > timedelta(hours=11)
