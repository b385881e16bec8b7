"""The budget in the sends of the engine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from otp_engine.domain.events import BudgetReached, CodeSent, RequestRefused
from otp_engine.domain.messages import segments
from otp_engine.domain.models import Channel
from otp_engine.domain.money.prices import Prices
from otp_engine.domain.phones import numbers
from otp_engine.domain.policy.policy import PARSERS
from otp_engine.errors import (
    BudgetExceeded,
    DeliveryFailed,
    DeliveryUnconfirmed,
    RateLimited,
)
from tests.support.fakes import FakeSender, by_name
from tests.support.tuning import with_policy

PRICES = Prices(
    currency="USD",
    by_country={("IN", "sms"): 83_200, ("SN", "sms"): 550_600},
    source="a test",
)


@pytest.fixture
def emitted():
    return []


@pytest.fixture
def budgeted(engine, emitted):
    """Return a function that makes an engine with a budget."""

    def budgeted(text, **values):
        priced = replace(engine, prices=PRICES, emit=emitted.append)
        texts = {"budget": text, "allowed_countries": "IN", **values}
        parsed = {name: PARSERS[name](value) for name, value in texts.items()}
        return with_policy(priced, **parsed)

    return budgeted


def request_to(alice, n):
    return replace(alice, address=numbers.parse(f"+9194450123{n:02}", "IN"))


def spent(store):
    return store.budget.read().whole.spent


def test_send_costs_the_price_of_its_country(budgeted, alice, store):
    budgeted("1/24h").send(alice)

    assert spent(store) == 83_200


def test_send_over_the_budget_is_refused_and_sends_nothing(
    budgeted, alice, outbox, emitted
):
    engine = budgeted("0.1/24h", guard="off")
    with pytest.raises(BudgetExceeded) as raised:
        engine.send(alice)

    assert raised.value.limit == "budget"
    assert outbox.messages == []
    assert isinstance(raised.value, RateLimited)
    [reached, refused] = emitted
    assert reached == BudgetReached(
        level=80, spent=0, amount=100_000, currency="USD", country="", shadow=False
    )
    assert (refused.limit, refused.facts.price) == ("budget", 83_200)


def test_sent_event_has_the_price(budgeted, alice, emitted):
    budgeted("9/24h").send(alice)

    [sent] = [event for event in emitted if isinstance(event, CodeSent)]
    assert sent.facts.price == 83_200


def test_message_of_several_segments_costs_each(budgeted, alice, store, outbox):
    engine = budgeted("9/24h")
    options = replace(alice.options, brand="a" * 40, app_hash="h" * 200)

    engine.send(replace(alice, options=options))

    [message] = outbox.messages
    count = segments.count(message.body)
    assert count > 1
    assert spent(store) == count * 83_200


@pytest.mark.parametrize("channel", [Channel.WHATSAPP, Channel.CALL])
def test_template_and_call_cost_one_price_whatever_their_text(
    budgeted, alice, store, channel
):
    sender = FakeSender(channels=(channel,))
    engine = replace(budgeted("9/24h"), senders=by_name(sender))
    options = replace(alice.options, brand="\u0416" * 40, app_hash="h" * 200)

    engine.send(replace(alice, channel=channel, options=options))

    assert segments.count(sender.messages[0].body) > 1
    assert spent(store) == PRICES.highest(channel)


@pytest.mark.parametrize("guard", ["off", "shadow", "on"])
def test_rejected_message_costs_nothing(budgeted, alice, outbox, store, guard):
    outbox.error = DeliveryFailed()
    with pytest.raises(DeliveryFailed):
        budgeted("9/24h", guard=guard).send(alice)

    assert spent(store) == 0


def test_unconfirmed_message_stays_counted(budgeted, alice, outbox, store):
    outbox.error = DeliveryUnconfirmed()

    budgeted("9/24h").send(alice)

    assert spent(store) == 83_200


def test_budget_in_shadow_mode_sends_and_reports(budgeted, alice, outbox, emitted):
    budgeted("0.1/24h shadow").send(alice)

    assert len(outbox.messages) == 1
    [refusal] = [event for event in emitted if isinstance(event, RequestRefused)]
    assert (refusal.limit, refusal.shadow) == ("budget", True)


def test_levels_are_reported_once(budgeted, alice, emitted):
    engine = budgeted("1/24h")
    for n in range(9):
        engine.send(request_to(alice, n))
    with pytest.raises(BudgetExceeded):
        engine.send(request_to(alice, 10))

    levels = [event.level for event in emitted if isinstance(event, BudgetReached)]
    assert levels == [50, 80]


def test_proven_phone_gets_the_last_fifth(budgeted, alice, check_request, outbox):
    engine = budgeted("1/24h")
    engine.send(alice)
    engine.check(check_request(outbox.messages[-1].code))
    for n in range(8):
        engine.send(request_to(alice, n))
    with pytest.raises(BudgetExceeded):
        engine.send(request_to(alice, 10))

    assert engine.send(alice).confirmed


def test_policy_without_budget_guard_and_limits_calls_no_script(
    budgeted, alice, store, redis
):
    budgeted("off", guard="off").send(alice)

    assert spent(store) == 0


def test_money_is_counted_before_a_budget_is_set(budgeted, alice, store):
    budgeted("off", guard="shadow").send(alice)

    assert spent(store) == 83_200
