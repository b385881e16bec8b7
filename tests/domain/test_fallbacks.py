"""Fallback: the next step of the route sends later, in the background."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.deliveries import TrackedDelivery
from otp_engine.domain.events import (
    CheckNotFound,
    CodeSent,
    MessageDelivered,
    MessageUndelivered,
    RequestRefused,
    RequestUnavailable,
    SendRejected,
)
from otp_engine.domain.inspection import PhoneInspector
from otp_engine.domain.limits import durations
from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.limits.limits_by_name import LimitByName
from otp_engine.domain.messages.options import MessageOptions
from otp_engine.domain.models import Channel
from otp_engine.domain.policy.switches import Switches
from otp_engine.domain.routing.routes import Routes
from otp_engine.domain.services import Service
from otp_engine.errors import (
    DeliveryFailed,
    DeliveryUnconfirmed,
    Overloaded,
    RateLimited,
    VerificationNotFound,
)
from tests.support import time_travel
from tests.support.fakes import MESSAGE, FakeSender, StoreLosingReplies, by_name
from tests.support.fallback_instance import LEASE, FallbackInstance
from tests.support.redis_dump import everything_in
from tests.support.tuning import with_policy

ALL = (Channel.SMS, Channel.CALL, Channel.WHATSAPP)
ROUTE = "IN=whatsapp:first>sms:second>call:second"
SECOND = timedelta(seconds=1)


@pytest.fixture
def first():
    return FakeSender(name="first", channels=ALL, reports_delivery=True)


@pytest.fixture
def second():
    return FakeSender(name="second", channels=ALL, reports_delivery=True)


@pytest.fixture
def new_instance(engine, store, first, second):
    """Return a function that builds an instance with both providers and a route."""

    def build(routes=ROUTE, peppers=None, store=store.deliveries, **values):
        both = replace(
            engine,
            senders=by_name(first, second),
            peppers=peppers or engine.peppers,
        )
        return FallbackInstance(
            with_policy(both, routes=Routes.parse(routes), **values), store
        )

    return build


@pytest.fixture
def instance(new_instance):
    return new_instance()


def change(instance, **values):
    instance.engine = with_policy(instance.engine, **values)


def test_undelivered_message_takes_the_next_step_once(instance, alice, first, second):
    instance.engine.send(alice)

    instance.report(first.messages[0], "undelivered")
    ran = [instance.run_due() for _ in range(3)]

    [message] = second.messages
    assert (ran, message.channel) == ([1, 0, 0], Channel.SMS)


def test_report_of_undelivered_makes_the_fallback_due_at_once(instance, alice, first):
    instance.engine.send(alice)

    instance.report(first.messages[0], "failed")

    assert instance.due == [timedelta(seconds=20), timedelta()]


@pytest.mark.parametrize(
    ("fallback_after", "silence"),
    [("20s", 60), ("2m", 120), ("0s", None)],
)
def test_silence_of_a_call_is_at_least_as_long_as_a_call(
    new_instance, alice, fallback_after, silence
):
    instance = new_instance(
        "IN=call:first>sms:second", fallback_after=durations.parse(fallback_after)
    )

    instance.engine.send(alice)

    assert instance.due == ([timedelta(seconds=silence)] if silence else [])


def test_fallback_has_a_fresh_code_of_the_same_verification(
    instance, alice, first, second, check_request
):
    sent = instance.engine.send(alice)
    instance.report(first.messages[0], "undelivered")
    instance.run_due()

    result = instance.engine.check(check_request(second.code))

    assert (result.approved, result.verification_id) == (True, sent.verification_id)
    assert first.messages[0].delivery_id != second.messages[0].delivery_id


def test_code_of_the_first_message_still_works_after_the_fallback(
    instance, alice, first, check_request
):
    instance.engine.send(alice)
    instance.report(first.messages[0], "undelivered")
    instance.run_due()

    assert instance.engine.check(check_request(first.code)).approved


def test_silence_takes_the_next_step(instance, alice, second, redis):
    instance.engine.send(alice)
    early = instance.run_due()

    time_travel.age(redis, 21 * SECOND)

    assert (early, instance.run_due(), len(second.messages)) == (0, 1, 1)


def test_message_that_was_sent_on_is_still_silent(
    instance, alice, first, second, redis
):
    instance.engine.send(alice)
    instance.report(first.messages[0], "sent")

    time_travel.age(redis, 21 * SECOND)
    instance.run_due()

    assert len(second.messages) == 1


@pytest.mark.parametrize("status", ["delivered", "read"])
def test_message_that_has_arrived_has_no_fallback(
    instance, alice, first, second, redis, status
):
    instance.engine.send(alice)
    instance.report(first.messages[0], status)

    time_travel.age(redis, 21 * SECOND)
    instance.run_due()

    assert second.messages == []


def test_message_that_arrives_after_the_claim_has_no_fallback(
    instance, alice, first, second
):
    instance.engine.send(alice)
    instance.report(first.messages[0], "failed")
    [claimed] = instance.claim()

    instance.report(first.messages[0], "delivered")
    instance.run(claimed)

    assert second.messages == []


def test_channel_without_the_recipient_is_not_used_again(
    instance, alice, first, second
):
    instance.engine.send(alice)
    instance.report(first.messages[0], "undelivered", not_on_channel=True)
    instance.run_due()

    instance.engine.send(alice)

    assert len(first.messages) == 1
    assert [message.channel for message in second.messages] == [Channel.SMS] * 2


def test_report_of_another_provider_has_no_effect(instance, alice, first, second):
    instance.engine.send(alice)

    instance.report(first.messages[0], "failed", "second", not_on_channel=True)
    instance.run_due()
    instance.engine.send(alice)

    assert [message.channel for message in first.messages] == [Channel.WHATSAPP] * 2
    assert second.messages == []
    assert instance.of_type(MessageUndelivered) == []
    assert instance.metrics.unknown == 1


def test_fallback_skips_the_channel_without_the_recipient(
    new_instance, alice, first, second
):
    instance = new_instance("IN=whatsapp:first>whatsapp:second>call:second")
    instance.engine.send(alice)
    instance.report(first.messages[0], "undelivered", not_on_channel=True)

    instance.run_due()

    assert [message.channel for message in second.messages] == [Channel.CALL]


def test_repeated_report_schedules_a_fallback_that_was_not_scheduled(
    instance, alice, first, second, store
):
    instance.engine.send(alice)
    instance.report(first.messages[0], "undelivered")
    # As if the store had failed after the status.
    store.deliveries.release_claim(first.messages[0].delivery_id)

    instance.report(first.messages[0], "failed")
    instance.run_due()

    assert len(second.messages) == 1
    assert len(instance.of_type(MessageUndelivered)) == 1


def test_third_step_follows_the_second(instance, alice, first, second):
    instance.engine.send(alice)
    instance.report(first.messages[0], "undelivered")
    instance.run_due()

    instance.report(second.messages[0], "undelivered", "second")
    instance.run_due()
    instance.report(second.messages[1], "undelivered", "second")

    channels = [message.channel for message in second.messages]
    assert channels == [Channel.SMS, Channel.CALL]
    assert instance.run_due() == 0


def test_silence_of_zero_leads_to_no_fallback(new_instance, alice, redis):
    instance = new_instance(fallback_after=timedelta())
    instance.engine.send(alice)

    time_travel.age(redis, 60 * SECOND)

    assert instance.run_due() == 0


def test_report_leads_to_a_fallback_without_a_silence(
    new_instance, alice, first, second
):
    instance = new_instance(fallback_after=timedelta())
    instance.engine.send(alice)

    instance.report(first.messages[0], "undelivered")
    instance.run_due()

    assert len(second.messages) == 1


def test_provider_without_reports_has_no_fallback(instance, alice, first, redis):
    first.reports_delivery = False
    instance.engine.send(alice)

    time_travel.age(redis, 60 * SECOND)

    [sent] = instance.of_type(CodeSent)
    assert (instance.run_due(), sent.has_fallback) == (0, False)


def test_order_of_the_providers_alone_has_no_fallback(
    new_instance, alice, first, second
):
    instance = new_instance("off")
    instance.engine.send(alice)

    instance.report(first.messages[0], "undelivered")
    instance.run_due()

    [sent] = instance.of_type(CodeSent)
    assert (sent.channel, sent.has_fallback) == (Channel.SMS, False)
    assert second.messages == []


def test_unknown_outcome_has_no_fallback_after_a_silence(
    instance, alice, first, second, redis
):
    first.error = DeliveryUnconfirmed()
    instance.engine.send(alice)

    time_travel.age(redis, 60 * SECOND)

    assert (instance.run_due(), second.messages) == (0, [])


def test_unknown_outcome_has_a_fallback_after_a_report(instance, alice, first, second):
    first.error = DeliveryUnconfirmed()
    instance.engine.send(alice)
    [sent] = instance.of_type(CodeSent)

    instance.report(replace(MESSAGE, delivery_id=sent.delivery_id), "undelivered")
    instance.run_due()

    assert len(second.messages) == 1


@pytest.mark.parametrize(
    "choice", [{"channel": Channel.WHATSAPP}, {"custom_code": "123456"}]
)
def test_choice_of_the_client_has_no_fallback(
    new_instance, alice, first, redis, choice
):
    instance = new_instance("IN=whatsapp:first>whatsapp:second")
    instance.engine.send(replace(alice, **choice))

    instance.report(first.messages[0], "undelivered")
    time_travel.age(redis, 60 * SECOND)

    assert instance.run_due() == 0


def test_last_step_has_no_fallback(new_instance, alice, first):
    instance = new_instance("IN=sms:first")
    instance.engine.send(alice)

    instance.report(first.messages[0], "undelivered")

    assert instance.run_due() == 0


def test_steps_that_failed_in_the_request_are_not_tried_again(
    instance, alice, first, second
):
    first.error = DeliveryFailed(retry_elsewhere=True)
    instance.engine.send(alice)

    instance.report(second.messages[0], "undelivered", "second")
    instance.run_due()

    channels = [message.channel for message in second.messages]
    assert channels == [Channel.SMS, Channel.CALL]


def approve(instance, alice, first, check_request):
    instance.engine.check(check_request(first.code))


def cancel(instance, alice, first, check_request):
    pending = instance.engine.get_pending(alice.address)
    instance.engine.cancel(alice.address, alice.service, pending.verification_id)


@pytest.mark.parametrize("end", [approve, cancel])
def test_ended_verification_has_no_fallback(
    instance, alice, first, second, check_request, end
):
    instance.engine.send(alice)
    instance.report(first.messages[0], "undelivered")
    end(instance, alice, first, check_request)

    instance.run_due()

    assert second.messages == []
    assert not instance.of_type(RequestRefused)
    assert not instance.of_type(CheckNotFound)
    with pytest.raises(VerificationNotFound):
        instance.engine.get_pending(alice.address)


def test_expired_verification_has_no_fallback(instance, alice, first, second, redis):
    instance.engine.send(alice)
    instance.report(first.messages[0], "undelivered")

    time_travel.age(redis, timedelta(minutes=11))
    instance.run_due()

    assert second.messages == []


def test_new_verification_is_not_that_of_the_fallback(
    instance, alice, first, second, check_request
):
    instance.engine.send(alice)
    instance.report(first.messages[0], "undelivered")
    instance.engine.check(check_request(first.code))
    instance.engine.send(alice)

    instance.run_due()

    assert second.messages == []
    assert instance.engine.check(check_request(first.code)).approved


def test_fallback_is_not_in_the_cooldown(new_instance, alice, first, second):
    instance = new_instance(resend_cooldown=timedelta(minutes=1))
    instance.engine.send(alice)
    instance.report(first.messages[0], "undelivered")

    instance.run_due()

    assert len(second.messages) == 1


def test_fallback_leaves_the_time_of_the_next_request(
    new_instance, alice, first, second, redis
):
    instance = new_instance(resend_cooldown=30 * SECOND)
    sent = instance.engine.send(alice)
    assert sent.resend_after.total_seconds() == pytest.approx(30, abs=5)
    time_travel.age(redis, 21 * SECOND)
    instance.run_due()
    with pytest.raises(RateLimited) as refusal:
        instance.engine.send(alice)
    assert refusal.value.limit == "resend_cooldown"
    assert refusal.value.retry_after < 10 * SECOND

    time_travel.age(redis, 10 * SECOND)

    assert instance.engine.send(alice).confirmed
    assert (len(first.messages), len(second.messages)) == (2, 1)


def test_request_after_a_fallback_starts_its_own_cooldown(
    new_instance, alice, second, redis
):
    instance = new_instance(resend_cooldown=30 * SECOND)
    instance.engine.send(alice)
    time_travel.age(redis, 21 * SECOND)
    instance.run_due()
    time_travel.age(redis, 10 * SECOND)
    instance.engine.send(alice)

    with pytest.raises(RateLimited) as refusal:
        instance.engine.send(alice)

    assert refusal.value.retry_after > 25 * SECOND
    assert len(second.messages) == 1


def test_inspection_shows_the_wait_without_the_fallback(
    new_instance, alice, store, redis
):
    instance = new_instance(resend_cooldown=30 * SECOND)
    engine = instance.engine
    engine.send(alice)
    time_travel.age(redis, 21 * SECOND)
    instance.run_due()
    inspector = PhoneInspector(
        store, store.limit_usage, store.guard, engine.peppers, engine.policy, ALL
    )

    report = inspector.inspect(alice.address, [""])

    [pending] = report.pending
    assert pending.sends.count == 2
    assert report.next_send(engine.policy, pending).wait < 10 * SECOND


def test_rejected_fallback_leaves_no_mark(new_instance, alice, first, second, redis):
    instance = new_instance("IN=whatsapp:first>sms:second")
    instance.engine.send(alice)
    second.error = DeliveryFailed()
    instance.report(first.messages[0], "undelivered")

    instance.run_due()

    [name] = redis.keys("otp:{*}:verification*")
    assert not [field for field in redis.hkeys(name) if field.startswith(b"f")]


def test_fallback_counts_for_the_phone_and_not_for_its_requester(
    new_instance, alice, first
):
    instance = new_instance(
        sends_per_ip=Limit.parse("2/1h"), sends_per_phone=Limit.parse("3/1h")
    )
    request = replace(alice, client_ip="203.0.113.7")
    instance.engine.send(request)
    instance.report(first.messages[0], "undelivered")
    instance.run_due()

    instance.engine.send(request)

    with pytest.raises(RateLimited) as refusal:
        instance.engine.send(replace(alice, client_ip="203.0.113.8"))
    assert refusal.value.limit == "sends_per_phone"


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"sends_per_phone": Limit.parse("1/1h")}, "sends_per_phone"),
        ({"max_sends": 1}, "max_sends"),
        ({"sends_total": Limit.parse("1/1h")}, "sends_total"),
        (
            {"sends_per_country": LimitByName(Limit.parse("1/1h"))},
            "sends_per_country",
        ),
    ],
)
def test_rule_that_refuses_ends_the_fallback(
    new_instance, alice, first, second, values, rule
):
    instance = new_instance(**values)
    instance.engine.send(alice)
    instance.report(first.messages[0], "undelivered")

    ran = [instance.run_due() for _ in range(2)]

    [refused] = instance.of_type(RequestRefused)
    assert (ran, refused.limit, second.messages) == ([1, 0], rule, [])


def test_change_of_the_policy_applies_to_fallbacks(
    instance, alice, first, second, switch_off
):
    instance.engine.send(alice)
    instance.report(first.messages[0], "undelivered")
    change(instance, sending=switch_off)

    instance.run_due()

    [refused] = instance.of_type(RequestRefused)
    assert (refused.limit, second.messages) == ("sending", [])


@pytest.fixture
def switch_off():
    return Switches.parse("on, IN=off")


def test_channel_that_is_off_by_now_is_skipped(instance, alice, first, second):
    instance.engine.send(alice)
    instance.report(first.messages[0], "undelivered")
    change(instance, sending=Switches.parse("on, channel:sms=off"))

    instance.run_due()

    [message] = second.messages
    assert message.channel is Channel.CALL


def test_provider_that_is_gone_by_now_is_skipped(instance, alice, first, second):
    third = FakeSender(name="third", channels=ALL, reports_delivery=True)
    instance.engine = with_policy(
        replace(instance.engine, senders=by_name(first, second, third)),
        routes=Routes.parse("IN=whatsapp:first>sms:third>call:second"),
    )
    instance.engine.send(alice)
    instance.report(first.messages[0], "undelivered")
    instance.engine = replace(instance.engine, senders=by_name(first, second))

    instance.run_due()

    [message] = second.messages
    assert message.channel is Channel.CALL


def test_events_distinguish_message_with_fallback_from_fallback(
    new_instance, alice, first, second
):
    instance = new_instance("IN=whatsapp:first>sms:second")
    instance.engine.send(alice)
    instance.report(first.messages[0], "undelivered", provider_error="63024")
    instance.run_due()
    instance.report(second.messages[0], "delivered", "second")

    sent, fallback = instance.of_type(CodeSent)
    [undelivered] = instance.of_type(MessageUndelivered)
    [delivered] = instance.of_type(MessageDelivered)
    assert (sent.has_fallback, sent.is_fallback) == (True, False)
    assert (fallback.has_fallback, fallback.is_fallback) == (False, True)
    assert sent.verification_id == fallback.verification_id
    assert undelivered.has_fallback
    assert undelivered.provider_error == "63024"
    assert undelivered.delivery_id == sent.delivery_id
    assert delivered.delivery_id == fallback.delivery_id
    assert delivered.verification_id == sent.verification_id


def test_fallback_fails_over_to_the_step_after_it(instance, alice, first, second):
    third = FakeSender(name="third", channels=ALL, reports_delivery=True)
    second.error = DeliveryFailed(retry_elsewhere=True)
    instance.engine = with_policy(
        replace(instance.engine, senders=by_name(first, second, third)),
        routes=Routes.parse("IN=whatsapp:first>sms:second>call:third"),
    )
    instance.engine.send(alice)
    instance.report(first.messages[0], "undelivered")

    instance.run_due()

    [message] = third.messages
    assert message.channel is Channel.CALL


def test_rejected_fallback_ends_with_its_event(instance, alice, first, second):
    instance.engine.send(alice)
    instance.report(first.messages[0], "undelivered")
    second.error = DeliveryFailed()

    ran = [instance.run_due() for _ in range(2)]

    assert (ran, len(instance.of_type(SendRejected))) == ([1, 0], 1)


def test_rejected_fallback_releases_the_phone(new_instance, alice, first, second):
    instance = new_instance(sends_per_phone=Limit.parse("2/1h"))
    instance.engine.send(alice)
    instance.report(first.messages[0], "undelivered")
    second.error = DeliveryFailed()
    instance.run_due()

    instance.engine.send(alice)

    assert len(first.messages) == 2


def test_fallback_without_capacity_is_due_again_after_its_lease(
    instance, alice, first, second, redis
):
    instance.engine.send(alice)
    instance.report(first.messages[0], "undelivered")
    second.full = Overloaded()
    at_first = instance.run_due(), instance.run_due()
    second.full = None

    time_travel.age(redis, LEASE + SECOND)
    later = instance.run_due()

    assert (at_first, later, len(second.messages)) == ((1, 0), 1, 1)


def test_fallback_without_capacity_ends_with_the_code_of_its_delivery(
    new_instance, alice, first, second, redis
):
    instance = new_instance(ttl=timedelta(minutes=10))
    instance.engine.send(alice)
    instance.report(first.messages[0], "undelivered")
    second.full = Overloaded()

    ran = []
    for _ in range(4):
        ran.append(instance.run_due())
        time_travel.age(redis, timedelta(minutes=4))

    assert ran == [1, 1, 1, 1]
    assert (instance.run_due(), instance.of_type(RequestUnavailable)) == (0, [])


def test_fallback_waits_for_an_instance_with_its_provider(
    instance, alice, first, second, redis
):
    instance.engine.send(alice)
    instance.report(first.messages[0], "undelivered")
    complete = instance.engine
    instance.engine = replace(complete, senders=by_name(first))
    instance.run_due()

    instance.engine = complete
    time_travel.age(redis, LEASE + SECOND)
    instance.run_due()

    assert (len(second.messages), instance.of_type(RequestRefused)) == (1, [])


def test_crash_after_the_claim_leads_to_one_fallback(
    new_instance, alice, first, second, redis
):
    crashed, other = new_instance(), new_instance()
    crashed.engine.send(alice)
    crashed.report(first.messages[0], "undelivered")
    crashed.claim()

    time_travel.age(redis, LEASE + SECOND)
    ran = [other.run_due() for _ in range(2)]

    assert (ran, len(second.messages)) == ([1, 0], 1)


def test_crash_after_the_mark_leads_to_no_fallback(
    new_instance, alice, first, second, redis, store
):
    instance = new_instance()
    instance.engine.send(alice)
    instance.report(first.messages[0], "undelivered")
    [claimed] = instance.claim()
    store.deliveries.mark_fallback(claimed)

    time_travel.age(redis, LEASE + SECOND)
    instance.run_due()

    assert second.messages == []


def test_slow_worker_and_its_successor_send_one_message(
    new_instance, alice, first, second, redis
):
    slow, other = new_instance(), new_instance()
    slow.engine.send(alice)
    slow.report(first.messages[0], "undelivered")
    [claimed] = slow.claim()
    time_travel.age(redis, LEASE + SECOND)
    other.run_due()

    slow.run(claimed)

    assert len(second.messages) == 1


def test_fallback_that_was_not_marked_is_released(
    new_instance, alice, first, second, check_request, redis
):
    instance = new_instance(sends_per_phone=Limit.parse("2/1h"))
    instance.engine.send(alice)
    instance.report(first.messages[0], "undelivered")
    [claimed] = instance.claim()
    instance.report(first.messages[0], "delivered")
    instance.run(claimed)

    instance.engine.send(alice)

    assert len(first.messages) == 2


def test_store_that_fails_at_the_mark_sends_nothing(
    new_instance, alice, first, second, store, redis
):
    instance = new_instance(store=StoreLosingReplies(store.deliveries, "mark_fallback"))
    instance.engine.send(alice)
    instance.report(first.messages[0], "undelivered")
    instance.run_due()

    time_travel.age(redis, LEASE + SECOND)
    instance.run_due()

    assert second.messages == []


def test_silence_and_report_at_once_lead_to_one_fallback(
    instance, alice, first, second, redis
):
    instance.engine.send(alice)
    time_travel.age(redis, 21 * SECOND)
    [claimed] = instance.claim()

    instance.report(first.messages[0], "undelivered")
    second_claim = instance.claim()
    instance.run(claimed)

    assert (second_claim, instance.claim()) == ([], [])
    assert len(second.messages) == 1


@pytest.mark.parametrize("choice", [{}, {"channel": Channel.CALL}])
def test_message_that_the_client_requests_ends_the_pending_fallback(
    instance, alice, first, second, redis, choice
):
    instance.engine.send(alice)
    instance.report(first.messages[0], "undelivered")
    [claimed] = instance.claim()
    instance.engine.send(replace(alice, **choice))
    sent = len(first.messages), len(second.messages)

    instance.run(claimed)
    instance.report(first.messages[0], "failed")
    instance.run_due()

    assert (len(first.messages), len(second.messages)) == sent


def test_message_that_the_client_requests_has_its_own_fallback(
    instance, alice, first, second, redis
):
    instance.engine.send(alice)
    instance.engine.send(alice)

    for message in first.messages:
        instance.report(message, "undelivered")
    instance.run_due()

    assert len(second.messages) == 1


def test_report_before_the_delivery_is_stored_starts_the_fallback(
    instance, alice, first, second
):
    tracked: list[TrackedDelivery] = []
    track = instance.engine.track
    instance.engine = replace(instance.engine, track=tracked.append)
    instance.engine.send(alice)
    instance.report(first.messages[0], "undelivered", to=alice.address.e164)

    track(tracked[0])
    instance.run_due()

    assert len(second.messages) == 1
    assert len(instance.of_type(MessageUndelivered)) == 1
    assert instance.metrics.unknown == 1


def test_arrival_before_the_delivery_is_stored_leads_to_no_fallback(
    instance, alice, first, second, redis
):
    tracked: list[TrackedDelivery] = []
    track = instance.engine.track
    instance.engine = replace(instance.engine, track=tracked.append)
    instance.engine.send(alice)
    instance.report(first.messages[0], "delivered")

    track(tracked[0])
    time_travel.age(redis, 21 * SECOND)

    assert instance.run_due() == 0


def test_fallback_of_bound_verification_belongs_to_it(
    instance, alice, first, second, check_request
):
    sent = instance.engine.send(replace(alice, bind=True))
    instance.report(first.messages[0], "undelivered")
    instance.run_due()
    check = replace(check_request(second.code), bound_id=sent.verification_id)

    assert instance.engine.check(check).approved


def test_fallback_has_language_service_and_options_of_the_send(
    instance, alice, first, second
):
    shop = Service(sid="VA1", namespace="VA1", brand="Shop", code_length=8)
    options = MessageOptions(do_not_share_warning=False)
    instance.engine.send(
        replace(alice, service=shop, locale="es", options=options, client_name="app")
    )
    instance.report(first.messages[0], "undelivered")

    instance.run_due()

    [message] = second.messages
    assert (len(message.code), message.brand, message.locale) == (8, "Shop", "es")
    [event, _] = instance.of_type(CodeSent)
    assert event.service == "VA1"


@pytest.mark.parametrize("swapped", [False, True])
def test_fallback_survives_a_rotation_of_the_pepper(
    new_instance, alice, first, second, check_request, swapped
):
    old, new = Pepper(b"o" * 32), Pepper(b"n" * 32)
    before = new_instance(peppers=(old,))
    before.engine.send(alice)
    peppers = (new, old) if swapped else (old, new)
    after = new_instance(peppers=peppers)

    after.report(first.messages[0], "undelivered")
    after.run_due()

    assert after.engine.check(check_request(second.code)).approved


def test_plan_of_an_unknown_pepper_ends_the_fallback(
    new_instance, alice, first, second, caplog
):
    new_instance(peppers=(Pepper(b"o" * 32),)).engine.send(alice)
    after = new_instance()

    after.report(first.messages[0], "undelivered")
    ran = [after.run_due() for _ in range(2)]

    assert (ran, second.messages) == ([1, 0], [])
    assert "a fallback ends: its plan cannot be decrypted" in caplog.text


@pytest.mark.parametrize("bind", [False, True])
def test_deleted_phone_has_no_deliveries_and_no_fallback(
    instance, alice, first, second, redis, store, bind
):
    engine = instance.engine
    engine.send(replace(alice, bind=bind))
    inspector = PhoneInspector(
        engine.store, store.limit_usage, store.guard, engine.peppers, engine.policy
    )

    inspector.delete(alice.address, [""])
    instance.report(first.messages[0], "undelivered")
    time_travel.age(redis, 21 * SECOND)
    instance.run_due()

    assert second.messages == []
    assert b"verification_id" not in everything_in(redis)


def test_dump_of_redis_contains_no_number_of_a_fallback(instance, alice, redis):
    instance.engine.send(alice)

    dump = everything_in(redis)

    assert b"deliveries" in dump
    assert b"9445012345" not in dump
