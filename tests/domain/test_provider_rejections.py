"""A provider's rejection of a number is stored, on both stores."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.messages.options import MessageOptions
from otp_engine.domain.models import SendRequest
from otp_engine.domain.phones import numbers
from otp_engine.domain.phones.phone_keys import PhoneKey
from otp_engine.domain.provider_rejections import ProviderRejection
from otp_engine.domain.services import MessagingConfiguration, Service
from otp_engine.errors import (
    CountryNotAllowed,
    DeliveryFailed,
    InvalidPhone,
    NumberTypeNotAllowed,
    OTPError,
    ProviderUnavailable,
    RateLimited,
    RecipientOptedOut,
)
from otp_engine.store import keys
from tests.support.fakes import HashQueueWithHook
from tests.support.time_travel import age
from tests.support.tuning import with_policy

BOB = SendRequest(address=numbers.parse("+919445067890", "IN"))
NOW = datetime(2026, 11, 26, tzinfo=UTC)
CLIENT_IP = "203.0.113.7"


def protection_error(*, retry_elsewhere=False):
    """Return Twilio's rejection of a number by its pumping protection."""
    error = DeliveryFailed(retry_elsewhere=retry_elsewhere)
    error.provider_error = 30450
    return error


def opted_out():
    error = RecipientOptedOut()
    error.provider_error = 21610
    return error


@pytest.mark.parametrize(
    "error",
    [
        *(DeliveryFailed(), InvalidPhone(), CountryNotAllowed()),
        *(NumberTypeNotAllowed(), RecipientOptedOut()),
    ],
)
def test_stored_rejection_is_returned_without_a_provider_call(
    engine, outbox, alice, error
):
    error.provider_error = 21610
    outbox.error = error
    with pytest.raises(type(error)):
        engine.send(alice)
    outbox.error = None

    with pytest.raises(type(error)) as raised:
        replace(engine, hash_queue=HashQueueWithHook(pytest.fail)).send(alice)

    assert outbox.messages == []
    assert raised.value.error_code == error.error_code
    assert raised.value.provider_error == 21610
    assert raised.value.is_stored_rejection
    engine.send(BOB)


def test_stored_rejection_is_for_one_sender_only(engine, outbox, alice):
    # A recipient can have answered STOP to one Messaging Service only.
    shop = Service(
        sid="VA1",
        namespace="VA1",
        messaging=(
            MessagingConfiguration(
                country="IN", messaging_service="MG1", created_at=NOW, updated_at=NOW
            ),
        ),
    )
    outbox.error = protection_error()
    with pytest.raises(DeliveryFailed):
        engine.send(replace(alice, service=shop))
    outbox.error = None

    engine.send(alice)

    with pytest.raises(DeliveryFailed):
        engine.send(replace(alice, service=shop))
    assert len(outbox.messages) == 1


def test_stored_rejection_is_ignored_without_the_risk_check(engine, outbox, alice):
    # `RiskCheck=disable` turns off the provider's protection against fraud.
    outbox.error = protection_error()
    with pytest.raises(DeliveryFailed):
        engine.send(alice)
    outbox.error = None

    engine.send(replace(alice, options=MessageOptions(skip_risk_check=True)))

    assert len(outbox.messages) == 1


def test_recipient_who_answers_start_gets_a_message_after_half_a_minute(
    engine, outbox, alice, redis
):
    outbox.error = opted_out()
    with pytest.raises(RecipientOptedOut):
        engine.send(alice)
    outbox.error = None
    age(redis, timedelta(seconds=29))
    with pytest.raises(RecipientOptedOut):
        engine.send(alice)
    age(redis, timedelta(seconds=1))

    engine.send(alice)

    assert len(outbox.messages) == 1


def test_short_rejection_of_one_sender_keeps_that_of_another(store, redis):
    phone = PhoneKey("digest")
    for sender, error in (("one", protection_error()), ("two", opted_out())):
        store.release_send(
            phone,
            idempotency_key=b"12345678",
            rejection=ProviderRejection.from_error(error),
            sender=sender,
        )

    assert redis.pttl(keys.for_phone(phone).provider_rejections) > 30_000


def test_phone_gets_the_send_to_an_opted_out_recipient_back(engine, outbox, alice):
    limited = with_policy(engine, sends_per_phone=Limit.parse("1/1h"))
    outbox.error = opted_out()
    with pytest.raises(RecipientOptedOut):
        limited.send(alice)
    outbox.error = None

    skipping = replace(alice, options=MessageOptions(skip_risk_check=True))
    limited.send(skipping)

    assert len(outbox.messages) == 1


def test_stored_rejection_expires_after_ten_minutes(engine, outbox, alice, redis):
    outbox.error = protection_error()
    with pytest.raises(DeliveryFailed):
        engine.send(alice)
    outbox.error = None
    age(redis, timedelta(minutes=10))

    engine.send(alice)

    assert len(outbox.messages) == 1


@pytest.mark.parametrize(
    "error",
    [
        DeliveryFailed(retry_elsewhere=True),
        protection_error(retry_elsewhere=True),
        DeliveryFailed(),
        ProviderUnavailable(),
    ],
    ids=["the sender", "the sender with a code", "no code", "the provider"],
)
def test_rejection_that_does_not_concern_the_number_is_not_stored(
    engine, outbox, alice, error
):
    outbox.error = error
    with pytest.raises(OTPError):
        engine.send(alice)
    outbox.error = None

    engine.send(alice)

    assert len(outbox.messages) == 1


def test_stored_rejection_counts_for_the_requester_only(engine, outbox, alice):
    engine = with_policy(
        engine,
        sends_per_ip=Limit.parse("2/10m"),
        sends_total=Limit.parse("1/10m"),
    )
    outbox.error = protection_error()
    for _ in range(2):
        with pytest.raises(DeliveryFailed):
            engine.send(replace(alice, client_ip=CLIENT_IP))
    outbox.error = None

    with pytest.raises(RateLimited) as raised:
        engine.send(replace(BOB, client_ip=CLIENT_IP))

    assert raised.value.limit == "sends_per_ip"
    engine.send(BOB)
