"""The engine emits one event for each outcome, without personal data."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from otp_engine.domain.events import (
    Action,
    CheckFailed,
    CheckNotFound,
    CodeSent,
    MaxAttemptsReached,
    RequestFailed,
    RequestRefused,
    SendRejected,
    VerificationApproved,
    VerificationCanceled,
)
from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.models import Channel
from otp_engine.domain.phones import numbers
from otp_engine.domain.phones.numbers import AllowedDestinations
from otp_engine.domain.recipients import Recipient
from otp_engine.domain.services import DEFAULT
from otp_engine.errors import (
    DeliveryFailed,
    DeliveryUnconfirmed,
    InvalidPhone,
    NumberTypeNotAllowed,
    OTPError,
    ProviderUnavailable,
    StoreUnavailable,
)
from tests.support.fakes import StoreLosingReplies, different_code
from tests.support.tuning import with_policy

ADDRESS = "203.0.113.7"


@pytest.fixture
def emitted():
    return []


@pytest.fixture
def whom(alice, engine):
    return Recipient.from_number(alice.number, engine.peppers[0])


@pytest.fixture
def engine(engine, emitted):
    return replace(engine, emit=emitted.append)


@pytest.fixture
def limited(engine):
    """Build the engine with changes to its policy."""
    return lambda **values: with_policy(engine, **values)


def rejected(action, request):
    with pytest.raises(OTPError) as error:
        action(request)
    return error.value


def test_accepted_message_emits_code_sent(engine, emitted, whom, alice):
    sent = engine.send(alice)

    assert emitted == [
        CodeSent(
            recipient=whom,
            verification_id=sent.verification_id,
            send_id=sent.send_id,
            service=DEFAULT.sid,
            channel=Channel.SMS,
            code_length=6,
            locale=None,
            confirmed=True,
        )
    ]


def test_unanswered_message_emits_unconfirmed_code_sent(engine, emitted, outbox, alice):
    outbox.error = DeliveryUnconfirmed()

    sent = engine.send(alice)

    assert not sent.confirmed
    assert [(event.send_id, event.confirmed) for event in emitted] == [
        (sent.send_id, False)
    ]


def test_message_rejected_by_the_provider_emits_undelivered(
    engine, emitted, outbox, whom, alice
):
    outbox.error = DeliveryFailed()
    outbox.error.provider_error = 21610

    rejected(engine.send, alice)

    undelivered = SendRejected(
        recipient=whom,
        channel=Channel.SMS,
        error="delivery_failed",
        provider_error=21610,
    )
    assert emitted == [undelivered]


def test_remembered_rejection_emits_request_refused(
    engine, emitted, outbox, whom, alice
):
    outbox.error = DeliveryFailed()
    outbox.error.provider_error = 21610
    for _ in range(2):
        with pytest.raises(DeliveryFailed):
            engine.send(alice)

    assert emitted[1:] == [
        RequestRefused(recipient=whom, action=Action.SEND, limit="provider_refusal")
    ]


@pytest.mark.parametrize("kind", [InvalidPhone, NumberTypeNotAllowed])
def test_number_rejected_by_the_provider_emits_undelivered(
    engine, emitted, outbox, alice, kind
):
    outbox.error = kind()
    outbox.error.provider_error = 21211

    rejected(engine.send, alice)

    assert [type(event) for event in emitted] == [SendRejected]
    assert emitted[0].error == kind.error_code


@pytest.mark.parametrize(
    ("rule", "by"),
    [
        ({"sends_per_phone": "1/10m"}, "sends_per_phone"),
        ({"sends_per_ip": "1/10m"}, "sends_per_ip"),
        ({"sends_total": "1/10m"}, "sends_total"),
    ],
)
def test_rejection_names_the_limit(limited, emitted, whom, alice, rule, by):
    service = limited(**{name: Limit.parse(text) for name, text in rule.items()})
    asked = replace(alice, client_ip=ADDRESS)
    service.send(asked)

    rejected(service.send, asked)

    [_, event] = emitted
    pepper = service.peppers[0]
    recipient = replace(whom, ip_hash=pepper.pseudonymize("address", ADDRESS))
    assert event == RequestRefused(recipient=recipient, action=Action.SEND, limit=by)


def test_rejection_by_the_cooldown_names_it(limited, emitted, alice):
    service = limited(resend_cooldown=timedelta(seconds=30))
    service.send(alice)

    rejected(service.send, alice)

    assert emitted[-1].limit == "resend_cooldown"


def test_country_not_allowed_emits_request_refused(engine, emitted, alice):
    rejected(replace(engine, destinations=AllowedDestinations({"US"})).send, alice)

    assert [event.limit for event in emitted] == ["country_not_allowed"]


def test_limit_in_shadow_mode_emits_shadow_rejections(limited, emitted, whom, alice):
    service = limited(
        sends_total=Limit.parse("1/10m shadow"),
        sends_per_phone=Limit.parse("2/10m shadow"),
    )

    for _ in range(3):
        service.send(alice)

    shadows = [event for event in emitted if isinstance(event, RequestRefused)]
    assert [event.limit for event in shadows] == [
        "sends_total",
        "sends_per_phone",
        "sends_total",
    ]
    assert all(event.shadow and event.recipient == whom for event in shadows)
    assert len(emitted) == 6


def test_check_over_a_limit_in_shadow_mode_emits_shadow_rejection(
    limited, emitted, outbox, alice, guess
):
    service = limited(checks_per_ip=Limit.parse("1/10m shadow"))
    service.send(alice)
    for _ in range(2):
        service.check(guess(different_code(outbox.code), ADDRESS))

    [event] = [event for event in emitted if isinstance(event, RequestRefused)]

    assert (event.action, event.limit, event.shadow) == (
        Action.CHECK,
        "checks_per_ip",
        True,
    )


def test_right_code_emits_approved(engine, emitted, outbox, whom, alice, guess):
    sent = engine.send(alice)

    engine.check(guess(outbox.code))

    approved = VerificationApproved(
        recipient=whom, verification_id=sent.verification_id, channel=Channel.SMS
    )
    assert emitted[1:] == [approved]


def test_wrong_code_emits_attempts_left(engine, emitted, outbox, whom, alice, guess):
    sent = engine.send(alice)

    engine.check(guess(different_code(outbox.code)))

    assert emitted[1:] == [
        CheckFailed(
            recipient=whom, verification_id=sent.verification_id, attempts_remaining=4
        )
    ]


def test_last_wrong_code_emits_exhausted(limited, emitted, outbox, whom, alice, guess):
    service = limited(max_checks=1)
    sent = service.send(alice)
    service.check(guess(different_code(outbox.code)))

    rejected(service.check, guess(outbox.code))

    assert emitted[1:] == [
        CheckFailed(
            recipient=whom, verification_id=sent.verification_id, attempts_remaining=0
        ),
        MaxAttemptsReached(recipient=whom, verification_id=sent.verification_id),
        RequestRefused(recipient=whom, action=Action.CHECK, limit="max_checks"),
    ]


def test_check_without_verification_emits_nothing_waiting(engine, emitted, whom, guess):
    rejected(engine.check, guess("123456"))

    assert emitted == [CheckNotFound(recipient=whom)]


@pytest.mark.parametrize(
    ("different", "why"),
    [
        (
            lambda engine: {"store": StoreLosingReplies(engine.store, "reserve_send")},
            "store",
        ),
        (
            lambda engine: {"policy": replace(engine.policy, sending=False)},
            "sending_disabled",
        ),
    ],
)
def test_unavailable_service_emits_unserved_with_the_reason(
    engine, emitted, whom, alice, different, why
):
    rejected(replace(engine, **different(engine)).send, alice)

    assert emitted == [RequestFailed(recipient=whom, action=Action.SEND, reason=why)]


def test_busy_provider_emits_unserved(engine, emitted, outbox, alice):
    outbox.error = ProviderUnavailable()
    outbox.error.provider_error = 20429

    rejected(engine.send, alice)

    assert [event.reason for event in emitted] == ["provider"]


def test_check_without_answer_of_redis_emits_unserved(engine, emitted, guess):
    silent = replace(engine, store=StoreLosingReplies(engine.store, "acquire_limits"))

    error = rejected(silent.check, guess("123456", ADDRESS))

    assert isinstance(error, StoreUnavailable)
    assert [(event.action, event.reason) for event in emitted] == [
        (Action.CHECK, "store")
    ]


def test_events_contain_no_number_code_or_address(
    engine, emitted, outbox, alice, guess
):
    engine.send(alice)
    code = outbox.code
    engine.check(guess(different_code(code), ADDRESS))
    engine.check(guess(code, ADDRESS))
    rejected(engine.check, guess(code, ADDRESS))
    rejected(
        replace(engine, destinations=AllowedDestinations({"US"})).send,
        replace(alice, client_ip=ADDRESS),
    )

    text = repr(emitted)

    assert len(emitted) == 5
    for secret in (alice.number.e164[1:], "9445012345", code, ADDRESS):
        assert secret not in text


def test_approval_by_a_client_emits_approved(engine, emitted, whom, alice):
    sent = engine.send(alice)

    engine.approve(alice.number, DEFAULT, sent.verification_id)

    assert emitted[1:] == [
        VerificationApproved(
            recipient=whom, verification_id=sent.verification_id, channel=Channel.SMS
        )
    ]


def test_cancel_emits_canceled(engine, emitted, whom, alice):
    sent = engine.send(alice)

    engine.cancel(alice.number, DEFAULT, sent.verification_id)

    assert emitted[1:] == [
        VerificationCanceled(recipient=whom, verification_id=sent.verification_id)
    ]


def test_events_of_two_phones_have_different_digests(engine, emitted, alice):
    engine.send(alice)
    engine.send(replace(alice, number=numbers.parse("+919445067890", "IN")))

    [alices, bobs] = [event.recipient for event in emitted]

    assert alices.phone_hash != bobs.phone_hash
    assert alices.prefix == bobs.prefix == "+91944"


@pytest.mark.parametrize(
    ("locale", "language"),
    [("pt-BR", "pt"), (None, None), ("tlh", None), ("+919445012345", None)],
)
def test_unknown_language_is_not_emitted(engine, emitted, alice, locale, language):
    engine.send(replace(alice, locale=locale))

    assert [event.locale for event in emitted] == [language]
