"""The rules of sending, on both stores."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from otp_engine.crypto.hash_queue import HashQueue
from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.models import Channel, SendRequest
from otp_engine.domain.phones import numbers
from otp_engine.domain.policy.switches import Switches
from otp_engine.errors import (
    CountryNotAllowed,
    DeliveryFailed,
    DeliveryUnconfirmed,
    NumberTypeNotAllowed,
    Overloaded,
    ProviderUnavailable,
    RateLimited,
    SendingDisabled,
    StoreUnavailable,
    TooManyAttempts,
    Unavailable,
)
from tests.support.fakes import (
    HashQueueWithHook,
    StoreLosingReplies,
    by_name,
    different_code,
)
from tests.support.tuning import with_policy

BOB = SendRequest(address=numbers.parse("+919445067890", "IN"))


def test_send_delivers_a_code(engine, outbox, alice):
    engine.send(alice)

    assert [message.to for message in outbox.messages] == ["+919445012345"]
    assert len(outbox.code) == 6


def test_send_returns_expiry_and_cooldown(engine, alice):
    engine = with_policy(engine, resend_cooldown=timedelta(seconds=30))

    send_result = engine.send(alice)

    assert send_result.expires_in == timedelta(minutes=10)
    assert send_result.resend_after == timedelta(seconds=30)


def test_send_subtracts_the_time_of_the_provider(engine, alice):
    times = iter([100.0, 104.0])
    engine = with_policy(
        replace(engine, clock=lambda: next(times)),
        resend_cooldown=timedelta(seconds=30),
    )

    send_result = engine.send(alice)

    assert send_result.expires_in == timedelta(minutes=9, seconds=56)
    assert send_result.resend_after == timedelta(seconds=26)


def test_last_send_of_a_verification_returns_its_end(engine, alice):
    engine = with_policy(engine, max_sends=1)

    assert engine.send(alice).resend_after == timedelta(minutes=10)


def test_message_has_the_requested_language(engine, outbox, alice):
    engine.send(replace(alice, locale="es"))

    assert "codigo de Acme" in outbox.messages[0].body


@pytest.mark.parametrize(
    ("number", "error"),
    [("+14155550123", CountryNotAllowed), ("+912224935555", NumberTypeNotAllowed)],
)
def test_send_to_a_destination_not_allowed_uses_no_limit(
    engine, outbox, redis, number, error
):
    with pytest.raises(error):
        engine.send(SendRequest(address=numbers.parse(number, "IN")))

    assert outbox.messages == []
    assert redis.dbsize() == 0


def test_resend_during_the_cooldown_is_refused(engine, outbox, alice):
    engine = with_policy(engine, resend_cooldown=timedelta(seconds=30))
    engine.send(alice)

    with pytest.raises(RateLimited) as raised:
        engine.send(alice)

    assert raised.value.limit == "resend_cooldown"
    assert timedelta(seconds=29) < raised.value.retry_after <= timedelta(seconds=30)
    assert len(outbox.messages) == 1


def test_approval_ends_the_cooldown(engine, outbox, alice, check_request):
    engine = with_policy(engine, resend_cooldown=timedelta(seconds=30))
    engine.send(alice)
    engine.check(check_request(outbox.code))

    engine.send(alice)

    assert len(outbox.messages) == 2


def test_verification_has_max_sends(engine, outbox, alice):
    engine = with_policy(engine, max_sends=2)
    engine.send(alice)
    engine.send(alice)

    with pytest.raises(RateLimited) as raised:
        engine.send(alice)

    assert raised.value.limit == "max_sends"
    assert timedelta(minutes=9) < raised.value.retry_after <= timedelta(minutes=10)


@pytest.mark.parametrize(
    "error", [DeliveryFailed(retry_elsewhere=True), ProviderUnavailable()]
)
def test_send_rejected_by_the_provider_is_released(engine, outbox, alice, redis, error):
    engine = with_policy(
        engine,
        resend_cooldown=timedelta(seconds=30),
        sends_per_phone=Limit.parse("1/10m"),
        sends_total=Limit.parse("1/10m"),
    )
    outbox.error = error
    with pytest.raises(type(error)):
        engine.send(alice)
    assert redis.dbsize() == 0

    outbox.error = None

    assert engine.send(alice)


def test_unconfirmed_send_counts_and_its_code_works(engine, alice, check_request):
    engine = with_policy(engine, sends_per_phone=Limit.parse("1/10m"))
    sender = UnconfirmedSender()

    send_result = replace(engine, senders=by_name(sender)).send(alice)

    assert not send_result.confirmed
    assert send_result.expires_in == timedelta(minutes=10)
    with pytest.raises(RateLimited):
        engine.send(alice)
    assert engine.check(check_request(sender.codes[0])).approved


class UnconfirmedSender:
    """A sender of a provider that delivers each message and never answers."""

    name = "unconfirmed"
    channels = (Channel.SMS,)
    reports_delivery = False

    def __init__(self):
        self.codes: list[str] = []

    @contextmanager
    def acquire_slot(self):
        yield self.send

    def send(self, message):
        self.codes.append(message.body[:6])
        raise DeliveryUnconfirmed

    def ping(self):
        return None


def test_send_with_a_full_hash_queue_is_released(engine, alice, redis, outbox):
    full = HashQueue(1, max_waiting=0)
    busy = replace(engine, hash_queue=full)

    with full.acquire_slot(), pytest.raises(Overloaded):
        busy.send(alice)

    assert redis.dbsize() == 0
    assert outbox.messages == []


def test_approval_during_a_send_stops_the_message(
    engine, outbox, alice, check_request, redis
):
    engine.send(alice)
    approve = HashQueueWithHook(lambda: engine.check(check_request(outbox.code)))

    with pytest.raises(Unavailable):
        replace(engine, hash_queue=approve).send(alice)

    assert len(outbox.messages) == 1
    assert not redis.exists(*redis.keys("*:verification"), "nothing")


def test_send_without_attempts_left_is_refused(engine, outbox, alice, check_request):
    engine = with_policy(engine, max_checks=2)
    engine.send(alice)
    for _ in range(2):
        engine.check(check_request(different_code(outbox.code)))

    with pytest.raises(TooManyAttempts) as raised:
        engine.send(alice)

    assert raised.value.retry_after > timedelta(minutes=9)
    assert len(outbox.messages) == 1


def test_send_at_the_limit_of_failed_checks_is_refused(
    engine, outbox, alice, check_request
):
    engine = with_policy(engine, failed_checks_per_phone=Limit.parse("1/1h"))
    engine.send(alice)
    engine.check(check_request(different_code(outbox.code)))

    with pytest.raises(RateLimited) as raised:
        engine.send(alice)

    assert raised.value.limit == "failed_checks_per_phone"


@pytest.mark.parametrize("step", ["reserve_send", "acquire_destination", "commit_send"])
def test_send_with_a_lost_reply_is_released(engine, outbox, alice, step):
    limited = with_policy(
        engine,
        sends_per_phone=Limit.parse("1/1h"),
        sends_total=Limit.parse("1/1h"),
        resend_cooldown=timedelta(seconds=30),
    )
    with pytest.raises(StoreUnavailable):
        replace(limited, store=StoreLosingReplies(engine.store, step)).send(alice)
    assert outbox.messages == []

    limited.send(alice)

    assert len(outbox.messages) == 1


def test_send_without_a_slot_at_the_sender_uses_no_store(engine, outbox, alice):
    # Without a store and a hash queue, any use of them is an error.
    outbox.full = ProviderUnavailable()

    with pytest.raises(ProviderUnavailable):
        replace(engine, store=None, hash_queue=None).send(alice)


def test_live_code_is_checked_while_sending_is_off(
    engine, outbox, alice, check_request
):
    engine.send(alice)
    off = with_policy(engine, sending=Switches(default=False))

    with pytest.raises(SendingDisabled) as raised:
        off.send(alice)

    assert raised.value.retry_after == timedelta(minutes=1)
    assert len(outbox.messages) == 1
    assert off.check(check_request(outbox.code)).approved
