"""Failover: the next step of the route sends, in the same request."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from otp_engine.domain.deliveries import TrackedDelivery
from otp_engine.domain.events import CodeSent, SendRejected, VerificationApproved
from otp_engine.domain.limits import names
from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.limits.limits_by_name import LimitByName
from otp_engine.domain.models import Channel
from otp_engine.domain.policy.policy import PARSERS
from otp_engine.domain.policy.switches import Switches
from otp_engine.domain.routing.routes import Routes
from otp_engine.errors import (
    ChannelNotAllowed,
    DeliveryFailed,
    DeliveryUnconfirmed,
    NumberTypeNotAllowed,
    Overloaded,
    ProviderUnavailable,
    RateLimited,
    RecipientNotOnChannel,
)
from tests.support.fakes import FakeSender, StoreLosingReplies, by_name, extract_code
from tests.support.time_travel import age
from tests.support.tuning import with_policy

NOT_SENT = [ProviderUnavailable(), DeliveryFailed(retry_elsewhere=True)]
ALL = (Channel.SMS, Channel.CALL, Channel.WHATSAPP)


@pytest.fixture
def first():
    return FakeSender(name="first", channels=ALL)


@pytest.fixture
def second():
    return FakeSender(name="second", channels=ALL)


@pytest.fixture
def events():
    return []


@pytest.fixture
def routed(engine, first, second, events):
    """Return a function that builds an engine with both providers and routes."""

    def build(routes: str = "off", **values):
        both = replace(engine, senders=by_name(first, second), emit=events.append)
        return with_policy(both, routes=Routes.parse(routes), **values)

    return build


def test_first_step_with_a_slot_is_the_only_one_that_sends(
    routed, alice, first, second
):
    routed().send(alice)

    assert (len(first.messages), second.messages) == (1, [])


@pytest.mark.parametrize("error", NOT_SENT)
def test_message_that_was_not_sent_takes_the_next_step(
    routed, alice, first, second, events, error
):
    first.error = error

    result = routed("IN=whatsapp:first>call:second").send(alice)

    [message] = second.messages
    assert (message.channel, result.channel) == (Channel.CALL, Channel.CALL)
    [event] = [event for event in events if isinstance(event, CodeSent)]
    assert (event.channel, event.provider) == (Channel.CALL, "second")


@pytest.mark.parametrize("error", NOT_SENT)
def test_code_of_the_next_step_is_the_same_and_works(
    routed, alice, first, second, check_request, error
):
    first.error = error
    engine = routed()
    engine.send(alice)

    assert engine.check(check_request(second.code)).approved


@pytest.mark.parametrize(
    "error", [DeliveryFailed(), NumberTypeNotAllowed(), Overloaded()]
)
def test_message_that_was_rejected_for_its_number_ends_the_send(
    routed, alice, first, second, events, error
):
    first.error = error

    with pytest.raises(type(error)):
        routed().send(alice)

    assert second.messages == []


def test_message_of_an_unknown_outcome_takes_no_other_step(
    routed, alice, first, second
):
    first.error = DeliveryUnconfirmed()

    assert not routed().send(alice).confirmed
    assert second.messages == []


@pytest.mark.parametrize("error", [ProviderUnavailable(), Overloaded()])
def test_step_without_a_slot_is_skipped(routed, alice, first, second, error):
    first.full = error

    result = routed("IN=whatsapp:first>sms:second").send(alice)

    assert [message.channel for message in second.messages] == [Channel.SMS]
    assert result.channel is Channel.SMS


@pytest.mark.parametrize("error", [ProviderUnavailable(), Overloaded()])
def test_route_without_any_slot_raises_the_error_of_its_last_step(
    routed, alice, first, second, error
):
    first.full, second.full = ProviderUnavailable(), error

    with pytest.raises(type(error)):
        routed().send(alice)


def test_error_of_the_last_step_is_the_one_of_the_send(
    routed, alice, first, second, events
):
    first.error = ProviderUnavailable()
    second.error = DeliveryFailed(retry_elsewhere=True)

    with pytest.raises(DeliveryFailed):
        routed("IN=whatsapp:first>sms:second").send(alice)

    [event] = [event for event in events if isinstance(event, SendRejected)]
    assert (event.channel, event.provider) == (Channel.SMS, "second")


def test_chosen_channel_uses_only_its_steps(routed, alice, first, second):
    engine = routed("IN=whatsapp:first>call:second>sms:second")

    engine.send(replace(alice, channel=Channel.CALL))

    assert first.messages == []
    assert [message.channel for message in second.messages] == [Channel.CALL]


def test_chosen_channel_outside_of_the_route_uses_every_provider_that_has_it(
    routed, alice, first, second
):
    first.error = ProviderUnavailable()
    engine = routed("IN=sms:first")

    engine.send(replace(alice, channel=Channel.CALL))

    assert [message.channel for message in second.messages] == [Channel.CALL]


def test_channel_that_no_provider_has_is_not_allowed(routed, alice):
    with pytest.raises(ChannelNotAllowed) as raised:
        routed().send(replace(alice, channel=Channel.TELEGRAM))

    assert raised.value.channel == Channel.TELEGRAM


def test_step_of_a_provider_that_is_missing_is_skipped(routed, alice, first):
    routed("IN=sms:other>telegram:first>call:first").send(alice)

    assert [message.channel for message in first.messages] == [Channel.CALL]


def test_route_without_any_provider_of_the_instance_sends_nothing(
    routed, alice, first, second
):
    engine = routed("IN=whatsapp:gone")

    with pytest.raises(ProviderUnavailable):
        engine.send(alice)

    assert first.messages == second.messages == []


def test_step_of_a_channel_that_is_off_is_skipped(routed, alice, first):
    engine = routed(
        "IN=whatsapp:first>sms:first",
        sending=Switches.parse("on, channel:whatsapp=off"),
    )

    engine.send(alice)

    assert [message.channel for message in first.messages] == [Channel.SMS]


def test_route_with_every_channel_off_is_not_allowed(routed, alice):
    engine = routed(
        "IN=whatsapp:first", sending=Switches.parse("on, channel:whatsapp=off")
    )

    with pytest.raises(ChannelNotAllowed):
        engine.send(alice)


def per_channel(text: str) -> LimitByName:
    return LimitByName.parse(text, names.CHANNEL)


def test_failed_step_leaves_no_charge(routed, alice, first, second):
    first.error = ProviderUnavailable()
    engine = routed(
        "IN=whatsapp:first>sms:second", sends_per_channel=per_channel("whatsapp=1/1h")
    )

    for _ in range(3):
        engine.send(alice)

    first.error = None
    assert engine.send(alice).channel is Channel.WHATSAPP


def test_next_step_is_charged_by_its_own_channel(routed, alice, first, second):
    first.error = ProviderUnavailable()
    engine = routed(
        "IN=whatsapp:first>sms:second", sends_per_channel=per_channel("sms=1/1h")
    )
    engine.send(alice)

    with pytest.raises(ProviderUnavailable):
        engine.send(alice)

    assert len(second.messages) == 1


LIMITS_OF_CALLS = ["calls_per_phone", "calls_per_country", "calls_total"]


@pytest.mark.parametrize("limit", LIMITS_OF_CALLS)
def test_message_over_a_limit_of_calls_takes_the_next_step(
    routed, alice, first, check_request, limit
):
    engine = routed("IN=call:first>sms:first", **{limit: PARSERS[limit]("1/1h")})

    sent = [engine.send(alice).channel for _ in range(3)]

    assert sent == [Channel.CALL, Channel.SMS, Channel.SMS]
    assert engine.check(check_request(first.code)).channel is Channel.SMS


def test_message_over_the_limit_of_its_channel_is_charged_once(
    routed, alice, first, second
):
    engine = routed(
        "IN=whatsapp:first>whatsapp:second>sms:second",
        sends_per_channel=per_channel("whatsapp=1/1h, sms=1/1h"),
        sends_total=Limit.parse("3/1h"),
    )

    sent = [engine.send(alice).channel for _ in range(2)]

    assert sent == [Channel.WHATSAPP, Channel.SMS]
    for _ in range(3):
        with pytest.raises(RateLimited) as raised:
            engine.send(alice)
        assert raised.value.limit == "sends_per_channel"
    chosen = engine.send(replace(alice, channel=Channel.CALL))
    assert chosen.channel is Channel.CALL


@pytest.mark.parametrize("limit", LIMITS_OF_CALLS)
def test_chosen_channel_over_its_limit_is_refused(routed, alice, first, limit):
    engine = routed("IN=call:first>sms:first", **{limit: PARSERS[limit]("1/1h")})
    request = replace(alice, channel=Channel.CALL)
    engine.send(request)

    with pytest.raises(RateLimited) as raised:
        engine.send(request)

    assert raised.value.limit == limit
    assert len(first.messages) == 1


@pytest.mark.parametrize("limit", ["sends_total", "sends_per_country"])
def test_limit_of_every_channel_takes_no_other_step(routed, alice, first, limit):
    engine = routed("IN=call:first>sms:first", **{limit: PARSERS[limit]("1/1h")})
    engine.send(alice)

    with pytest.raises(RateLimited) as raised:
        engine.send(alice)

    assert raised.value.limit == limit
    assert len(first.messages) == 1


def test_failover_goes_on_after_a_step_over_its_limit(routed, alice, first, second):
    first.error = ProviderUnavailable()
    engine = routed(
        "IN=whatsapp:first>call:second>sms:second",
        calls_per_phone=Limit.parse("1/1h"),
        sends_total=Limit.parse("2/1h"),
    )

    sent = [engine.send(alice).channel for _ in range(2)]

    assert sent == [Channel.CALL, Channel.SMS]


def test_step_after_one_over_its_limit_has_a_slot_of_its_own(
    routed, alice, first, second
):
    first.error = ProviderUnavailable()
    third = FakeSender(name="third", channels=ALL)
    engine = routed(
        "IN=whatsapp:first>call:second>sms:third",
        calls_per_phone=Limit.parse("1/1h"),
    )
    engine = replace(engine, senders=by_name(first, second, third))
    engine.send(alice)

    result = engine.send(alice)

    assert result.channel is Channel.SMS
    assert [message.channel for message in second.messages] == [Channel.CALL]
    assert [message.channel for message in third.messages] == [Channel.SMS]


@pytest.mark.parametrize("limit", ["whatsapp=1/1h", "1/1h"])
def test_refused_step_ends_the_send_without_any_charge(
    routed, alice, first, second, limit
):
    first.error = ProviderUnavailable()
    engine = routed(
        "IN=whatsapp:first>sms:second",
        sends_per_channel=per_channel(f"{limit}, sms=1/1h"),
        sends_per_phone=Limit.parse("2/1h"),
    )
    engine.send(alice)
    with pytest.raises(ProviderUnavailable):
        engine.send(alice)

    first.error = None
    assert engine.send(alice).channel is Channel.WHATSAPP
    with pytest.raises(RateLimited):
        engine.send(alice)


@pytest.mark.parametrize("step", ["acquire_destination", "commit_send"])
def test_next_step_with_a_lost_reply_ends_the_send_without_any_charge(
    routed, alice, first, second, step
):
    first.error = ProviderUnavailable()
    engine = routed(
        "IN=whatsapp:first>sms:second",
        sends_total=Limit.parse("1/1h"),
        sends_per_phone=Limit.parse("1/1h"),
    )
    losing: Any = StoreLosingReplies(engine.store, step, received=1)
    with pytest.raises(ProviderUnavailable):
        replace(engine, store=losing).send(alice)

    first.error = None
    engine.send(alice)

    assert (len(first.messages), second.messages) == (1, [])


def test_steps_are_tried_in_the_preferred_order(routed, alice, first, second):
    engine = replace(routed(), prefer=lambda steps: steps[::-1])

    engine.send(alice)

    assert (first.messages, len(second.messages)) == ([], 1)


def test_each_step_has_its_own_delivery_id(routed, alice, first, second):
    sent: list[TrackedDelivery] = []
    first.error = ProviderUnavailable()
    engine = replace(routed("IN=call:first>sms:second"), track=sent.append)

    engine.send(alice)
    engine.send(alice)

    ids = [message.delivery_id for message in second.messages]
    assert [delivery.delivery_id for delivery in sent] == ids
    assert len(set(ids)) == 2
    assert len({each[:24] for each in ids}) == 1


def test_tracked_delivery_has_the_steps_after_its_own(routed, alice, first):
    first.reports_delivery = True
    sent: list[TrackedDelivery] = []
    engine = replace(
        routed("IN=whatsapp:first>call:second>sms:second"), track=sent.append
    )

    engine.send(alice)

    [delivery] = sent
    assert [str(step) for step in delivery.later_steps] == ["call:second", "sms:second"]
    assert (delivery.provider, delivery.message_id) == ("first", "first-1")
    assert delivery.confirmed
    assert delivery.has_fallback


@pytest.mark.parametrize("change", [{"channel": Channel.SMS}, {"custom_code": "4711"}])
def test_delivery_that_the_client_chose_has_no_fallback(
    routed, alice, first, second, change
):
    sent: list[TrackedDelivery] = []
    engine = replace(routed(), track=sent.append)

    engine.send(replace(alice, **change))

    assert [delivery.has_fallback for delivery in sent] == [False]


def test_approval_has_the_channel_of_the_code(
    routed, alice, first, second, check_request, events
):
    engine = routed("IN=whatsapp:first>sms:second")
    engine.send(alice)
    engine.send(replace(alice, channel=Channel.CALL))
    code = extract_code(first.messages[0].body)

    result = engine.check(check_request(code))

    assert result.channel is Channel.WHATSAPP
    [approval] = [each for each in events if isinstance(each, VerificationApproved)]
    assert approval.channel is Channel.WHATSAPP


def test_code_that_a_later_step_delivered_has_its_channel(
    routed, alice, first, second, check_request
):
    first.error = ProviderUnavailable()
    engine = routed("IN=whatsapp:first>call:second")
    engine.send(alice)

    assert engine.check(check_request(second.code)).channel is Channel.CALL


def test_channel_without_the_recipient_is_skipped_for_a_week(
    routed, alice, first, second, redis
):
    first.error = RecipientNotOnChannel()
    engine = routed("IN=whatsapp:first>whatsapp:second>sms:second")
    engine.send(alice)
    first.error = None

    engine.send(alice)

    assert first.messages == []
    assert [each.channel for each in second.messages] == [Channel.SMS, Channel.SMS]
    age(redis, timedelta(days=7))
    assert engine.send(alice).channel is Channel.WHATSAPP


def test_chosen_channel_without_the_recipient_gets_the_stored_error(
    routed, alice, first, second
):
    first.error = second.error = RecipientNotOnChannel()
    engine, chosen = routed(), replace(alice, channel=Channel.CALL)
    with pytest.raises(RecipientNotOnChannel):
        engine.send(chosen)
    first.error = second.error = None

    with pytest.raises(RecipientNotOnChannel) as raised:
        engine.send(chosen)

    assert raised.value.is_stored_rejection
    assert engine.send(alice).channel is Channel.SMS


def test_rejected_number_of_one_channel_can_be_reached_on_another(
    routed, alice, first, second
):
    first.error = NumberTypeNotAllowed()
    engine = routed("IN=sms:first")
    with pytest.raises(NumberTypeNotAllowed):
        engine.send(alice)
    first.error = None

    assert engine.send(replace(alice, channel=Channel.CALL)).channel is Channel.CALL
    with pytest.raises(NumberTypeNotAllowed):
        engine.send(alice)
