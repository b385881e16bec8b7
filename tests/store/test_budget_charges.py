"""The budget as `acquire_destination` enforces it."""

from __future__ import annotations

import multiprocessing
import secrets
from datetime import timedelta
from multiprocessing.queues import Queue
from typing import Any

import pytest

from otp_engine.domain.limits.limits import Limit, LimitHit
from otp_engine.domain.models import DestinationCharge
from otp_engine.domain.money.budget import BudgetRules
from otp_engine.domain.money.ledger import HOUR_MS
from otp_engine.domain.pumping_guard.places import Destination
from otp_engine.domain.pumping_guard.rules import GuardMode, GuardRules
from otp_engine.errors import BudgetExceeded, DestinationSuspended, RateLimited
from otp_engine.store import keys
from otp_engine.store.connection import connect
from otp_engine.store.redis_store import RedisStore
from tests.support import time_travel

OFF = GuardRules(mode=GuardMode.OFF)
ON = GuardRules(mode=GuardMode.ON)
INDIA = Destination("+91944501", "+91944", "IN")
SENEGAL = Destination("+22177999", "+221779", "SN")


def message(price, amount=100, destination=INDIA, **options):
    rules = {"parts": options.pop("parts", 1), "shadow": options.pop("shadow", False)}
    return DestinationCharge(
        hits=options.pop("hits", ()),
        destination=destination,
        guard=options.pop("guard", OFF),
        price=price,
        budget=BudgetRules(amount=amount, **rules),
        **options,
    )


def acquire(store, charge, key=None):
    key = key or secrets.token_bytes(8)
    return store.acquire_destination(charge, idempotency_key=key)


def spent(store):
    return store.budget.read().whole.spent


@pytest.mark.parametrize("guard", [OFF, ON])
def test_message_up_to_the_budget_is_counted(store, guard):
    acquire(store, message(60, guard=guard, proven=True))

    usage = acquire(store, message(40, guard=guard, proven=True)).budget

    assert (usage.spent, usage.amount) == (100, 100)
    assert (usage.country_spent, usage.country_amount) == (100, None)


@pytest.mark.parametrize("guard", [OFF, ON])
def test_message_over_the_budget_is_refused_and_counted_nowhere(store, redis, guard):
    acquire(store, message(60, guard=guard))
    before = redis.hget(keys.GUARD, INDIA.block)

    with pytest.raises(BudgetExceeded) as raised:
        acquire(store, message(41, guard=guard, proven=True))

    assert raised.value.limit == "budget"
    assert timedelta(hours=24) <= raised.value.retry_after <= timedelta(hours=25)
    assert redis.hget(keys.GUARD, INDIA.block) == before
    assert spent(store) == 60


def test_repeated_message_is_counted_once_and_reports_the_same(store):
    key, charge = secrets.token_bytes(8), message(80, proven=True)

    first, second = acquire(store, charge, key), acquire(store, charge, key)

    assert first == second
    assert first.budget.level == 80
    assert spent(store) == 80


def test_repeated_message_is_accepted_although_the_budget_is_used(store):
    key = secrets.token_bytes(8)
    acquire(store, message(100, proven=True), key)

    assert acquire(store, message(100, proven=True), key).budget.spent == 100


def test_repeated_refusal_reports_the_same_level(store):
    acquire(store, message(70))
    key = secrets.token_bytes(8)
    levels = []

    for _ in range(2):
        with pytest.raises(BudgetExceeded) as raised:
            acquire(store, message(20), key)
        levels.append(raised.value.usage.level)

    assert levels == [80, 80]


def test_level_is_reported_by_one_of_many_refusals(store):
    acquire(store, message(70))
    levels = []

    for _ in range(5):
        with pytest.raises(BudgetExceeded) as raised:
            acquire(store, message(20))
        levels.append(raised.value.usage.level)

    assert levels == [80, None, None, None, None]


@pytest.mark.parametrize("guard", [OFF, ON])
@pytest.mark.parametrize("shadow", [False, True])
def test_released_message_is_taken_back_once(store, guard, shadow):
    key = secrets.token_bytes(8)
    charge = message(60, guard=guard, shadow=shadow, proven=True)
    acquire(store, message(40, guard=guard, shadow=shadow, proven=True))
    acquire(store, charge, key)

    for _ in range(2):
        store.release_destination(charge, idempotency_key=key)

    assert spent(store) == 40
    usage = acquire(store, message(60, guard=guard, shadow=shadow, proven=True)).budget
    assert usage.spent == 100
    assert usage.would_refuse is None


def test_release_of_a_refused_message_changes_nothing(store):
    acquire(store, message(70))
    key = secrets.token_bytes(8)
    with pytest.raises(BudgetExceeded):
        acquire(store, message(50), key)

    store.release_destination(message(50), idempotency_key=key)

    assert spent(store) == 70


def test_message_that_a_limit_refuses_costs_nothing(store):
    hit = LimitHit("sends_total", "", Limit.parse("1/1h"))
    acquire(store, message(10, hits=[hit]))

    with pytest.raises(RateLimited, match="Too many requests") as raised:
        acquire(store, message(10, hits=[hit]))

    assert raised.value.limit == "sends_total"
    assert spent(store) == 10


def test_message_that_the_budget_refuses_is_counted_by_no_limit(store):
    hit = LimitHit("sends_total", "", Limit.parse("2/1h"))
    with pytest.raises(BudgetExceeded):
        acquire(store, message(101, hits=[hit]))

    [usage] = acquire(store, message(10, hits=[hit])).limit_usage

    assert usage.used == 1


def test_message_that_the_guard_refuses_costs_nothing(store):
    strict = GuardRules(mode=GuardMode.ON, block=1)
    acquire(store, message(10, guard=strict))

    with pytest.raises(DestinationSuspended):
        acquire(store, message(10, guard=strict))

    assert spent(store) == 10


def test_last_fifth_is_for_blocks_with_a_past(store):
    # Approvals are halved in a week, so three are less than three at once.
    for n in range(4):
        store.credit_approval(
            INDIA, verification_id=bytes([n]) * 16, messages=1, rules=ON
        )
    acquire(store, message(80, guard=ON, destination=SENEGAL))

    assert acquire(store, message(20, guard=ON)).budget.spent == 100


def test_last_fifth_is_for_proven_phones(store):
    acquire(store, message(80))
    with pytest.raises(BudgetExceeded):
        acquire(store, message(1))

    assert acquire(store, message(20, proven=True)).budget.spent == 100


def test_vouched_and_exempt_messages_do_not_get_the_last_fifth(store):
    acquire(store, message(80))

    for options in ({"vouched": True}, {"exempt": True}):
        with pytest.raises(BudgetExceeded):
            acquire(store, message(1, guard=ON, **options))


def test_exempt_message_costs_money(store):
    acquire(store, message(50, guard=ON, exempt=True))

    assert spent(store) == 50


def test_shadow_mode_reports_what_it_would_refuse_and_counts_the_money(store):
    acquire(store, message(60, shadow=True))

    usage = acquire(store, message(60, shadow=True)).budget

    assert usage.would_refuse == "budget"
    assert usage.spent == 60
    assert spent(store) == 120


def test_message_without_a_budget_counts_its_money(store):
    acquire(store, message(60, amount=None))

    assert spent(store) == 60


def test_message_without_rules_of_a_budget_costs_nothing(store, redis):
    acquire(
        store,
        DestinationCharge(
            hits=[LimitHit("sends_total", "", Limit.parse("9/1h"))],
            destination=INDIA,
            guard=OFF,
            price=60,
        ),
    )

    assert redis.exists(keys.GUARD) == 0


def test_money_is_shared_out_by_country(store, redis):
    for _ in range(2):
        acquire(store, message(10, amount=None))
        time_travel.age(redis, timedelta(days=1))
    time_travel.age(redis, timedelta(hours=2))
    acquire(store, message(10, destination=SENEGAL, parts=10))

    with pytest.raises(BudgetExceeded) as raised:
        acquire(store, message(1, destination=SENEGAL, parts=10))

    assert raised.value.limit == "budget_country"
    assert acquire(store, message(10, parts=10)).budget.country_amount == 30


def test_money_leaves_after_a_day(store, redis):
    acquire(store, message(80))
    time_travel.age(redis, timedelta(hours=25))

    assert acquire(store, message(80)).budget.spent == 80


def test_ledgers_of_countries_with_money_are_read(store):
    acquire(store, message(60))

    spending = store.budget.read()

    assert list(spending.by_country) == ["IN"]
    assert spending.by_country["IN"].spent == 60


def test_ledgers_expire_with_the_hash(store, redis):
    acquire(store, message(60))

    assert 30 * 24 * HOUR_MS < redis.pttl(keys.GUARD) <= 31 * 24 * HOUR_MS


@pytest.mark.parametrize("slots", [1, 4])
def test_budget_is_one_for_all_slots_of_shared_limits(redis, slots):
    store = RedisStore(redis, shared_slots=slots)
    hits = [LimitHit("sends_total", "", Limit.parse("9000/1h, 9/1m"))]
    key, charge = secrets.token_bytes(8), message(60, hits=hits, proven=True)
    acquire(store, charge, key)
    with pytest.raises(BudgetExceeded):
        acquire(store, message(41, hits=hits, proven=True))
    store.release_destination(charge, idempotency_key=key)

    usage = acquire(store, message(100, hits=hits, proven=True))

    assert usage.budget.spent == 100
    assert {window.used for window in usage.limit_usage} == {1}


@pytest.mark.parametrize("slots", [1, 4])
def test_message_that_a_limit_refuses_costs_nothing_in_any_slot(redis, slots):
    store = RedisStore(redis, shared_slots=slots)
    hits = [LimitHit("sends_total", "", Limit.parse("1/1h"))]
    acquire(store, message(10, hits=hits))

    with pytest.raises(RateLimited):
        acquire(store, message(10, hits=hits))

    assert spent(store) == 10


def spend(url: str, seed: int, results: Queue[tuple[int, list[int]]]) -> None:
    """Send messages of many prices until the budget refuses many of them."""
    client: Any = connect(url, timedelta(seconds=10))
    store, total, levels = RedisStore(client), 0, []
    for n in range(300):
        price = 1 + (7919 * seed + 104_729 * n) % 30_000
        try:
            usage = acquire(store, message(price, amount=1_000_003, proven=True)).budget
            total += price
        except BudgetExceeded as error:
            usage = error.usage
        levels += [usage.level] if usage.level else []
    results.put((total, levels))


def test_four_processes_never_spend_a_micro_unit_more_than_the_budget(
    redis_url, real_redis
):
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    processes = [
        context.Process(target=spend, args=(redis_url, seed, results))
        for seed in range(4)
    ]
    for process in processes:
        process.start()
    found = [results.get(timeout=120) for _ in processes]
    for process in processes:
        process.join()

    total = sum(cost for cost, _ in found)
    assert 999_000 < total <= 1_000_003
    assert spent(RedisStore(real_redis)) == total
    assert sorted(level for _, levels in found for level in levels) == [50, 80, 100]
