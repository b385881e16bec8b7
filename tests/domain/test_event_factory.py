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
    RequestRefused,
    RequestUnavailable,
    SendRejected,
    VerificationApproved,
    VerificationCanceled,
)
from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.models import Channel
from otp_engine.domain.phones import numbers
from otp_engine.domain.phones.destinations import AllowedDestinations
from otp_engine.domain.policy.switches import Switches
from otp_engine.domain.recipients import PseudonymousRecipient
from otp_engine.domain.send_facts import NO_FACTS
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
from tests.support.fakes import (
    HashQueueWithHook,
    StoreLosingReplies,
    different_code,
    raise_overloaded,
)
from tests.support.tuning import with_policy

CLIENT_IP = "203.0.113.7"


@pytest.fixture
def emitted():
    return []


@pytest.fixture
def recipient(alice, engine):
    return PseudonymousRecipient.from_address(alice.address, engine.peppers[0])


@pytest.fixture
def engine(engine, emitted):
    return replace(engine, emit=emitted.append)


@pytest.fixture
def limited(engine):
    """Return a function that builds the engine with changes to its policy."""
    return lambda **values: with_policy(engine, **values)


def error_of(action, request):
    with pytest.raises(OTPError) as raised:
        action(request)
    return raised.value


def without_facts(events):
    """Return the events without the times and the requester of their sends."""
    return [replace(event, facts=NO_FACTS) for event in events]


def test_accepted_message_emits_code_sent(engine, emitted, outbox, recipient, alice):
    sent = engine.send(alice)

    assert without_facts(emitted) == [
        CodeSent(
            recipient=recipient,
            verification_id=sent.verification_id,
            send_id=sent.send_id,
            service=DEFAULT.sid,
            channel=Channel.SMS,
            code_length=6,
            locale="en",
            confirmed=True,
            provider="outbox",
            delivery_id=outbox.messages[0].delivery_id,
            expires_at=outbox.messages[0].expires_at,
        )
    ]


def test_unanswered_message_emits_unconfirmed_code_sent(engine, emitted, outbox, alice):
    outbox.error = DeliveryUnconfirmed()

    sent = engine.send(alice)

    assert not sent.confirmed
    assert [(event.send_id, event.confirmed, event.provider) for event in emitted] == [
        (sent.send_id, False, "outbox")
    ]


def test_message_rejected_by_the_provider_emits_send_rejected(
    engine, emitted, outbox, recipient, alice
):
    outbox.error = DeliveryFailed()
    outbox.error.provider_error = 21610

    error_of(engine.send, alice)

    assert without_facts(emitted) == [
        SendRejected(
            recipient=recipient,
            channel=Channel.SMS,
            error="delivery_failed",
            provider_error=21610,
            provider="outbox",
        )
    ]


def test_stored_rejection_emits_request_refused(
    engine, emitted, outbox, recipient, alice
):
    outbox.error = DeliveryFailed()
    outbox.error.provider_error = 21610
    for _ in range(2):
        with pytest.raises(DeliveryFailed):
            engine.send(alice)

    assert without_facts(emitted[1:]) == [
        RequestRefused(
            recipient=recipient,
            action=Action.SEND,
            limit="provider_refusal",
            channel=Channel.SMS,
        )
    ]


@pytest.mark.parametrize("error_type", [InvalidPhone, NumberTypeNotAllowed])
def test_number_rejected_by_the_provider_emits_send_rejected(
    engine, emitted, outbox, alice, error_type
):
    outbox.error = error_type()
    outbox.error.provider_error = 21211

    error_of(engine.send, alice)

    assert [type(event) for event in emitted] == [SendRejected]
    assert emitted[0].error == error_type.error_code


@pytest.mark.parametrize("limit", ["sends_per_phone", "sends_per_ip", "sends_total"])
def test_refusal_names_the_limit(limited, emitted, recipient, alice, limit):
    engine = limited(**{limit: Limit.parse("1/10m")})
    send_request = replace(alice, client_ip=CLIENT_IP)
    engine.send(send_request)

    error_of(engine.send, send_request)

    [_, event] = without_facts(emitted)
    pepper = engine.peppers[0]
    with_ip = replace(recipient, ip_hash=pepper.pseudonymize("address", CLIENT_IP))
    assert event == RequestRefused(
        recipient=with_ip, action=Action.SEND, limit=limit, channel=Channel.SMS
    )


def test_refusal_by_the_cooldown_names_it(limited, emitted, alice):
    engine = limited(resend_cooldown=timedelta(seconds=30))
    engine.send(alice)

    error_of(engine.send, alice)

    assert emitted[-1].limit == "resend_cooldown"


def test_country_not_allowed_emits_request_refused(engine, emitted, alice):
    error_of(replace(engine, destinations=AllowedDestinations({"US"})).send, alice)

    assert [event.limit for event in emitted] == ["country_not_allowed"]


def test_limit_in_shadow_mode_emits_shadow_refusals(limited, emitted, recipient, alice):
    engine = limited(
        sends_total=Limit.parse("1/10m shadow"),
        sends_per_phone=Limit.parse("2/10m shadow"),
    )

    for _ in range(3):
        engine.send(alice)

    shadows = [event for event in emitted if isinstance(event, RequestRefused)]
    assert [event.limit for event in shadows] == [
        "sends_total",
        "sends_per_phone",
        "sends_total",
    ]
    assert all(event.shadow and event.recipient == recipient for event in shadows)
    assert len(emitted) == 6


def test_check_over_a_limit_in_shadow_mode_emits_shadow_refusal(
    limited, emitted, outbox, alice, check_request
):
    engine = limited(checks_per_ip=Limit.parse("1/10m shadow"))
    engine.send(alice)
    for _ in range(2):
        engine.check(check_request(different_code(outbox.code), CLIENT_IP))

    [event] = [event for event in emitted if isinstance(event, RequestRefused)]

    assert (event.action, event.limit, event.shadow) == (
        Action.CHECK,
        "checks_per_ip",
        True,
    )


def test_right_code_emits_verification_approved(
    engine, emitted, outbox, recipient, alice, check_request
):
    sent = engine.send(alice)

    engine.check(check_request(outbox.code))

    assert emitted[1:] == [
        VerificationApproved(
            recipient=recipient,
            verification_id=sent.verification_id,
            channel=Channel.SMS,
        )
    ]


def test_wrong_code_emits_check_failed(
    engine, emitted, outbox, recipient, alice, check_request
):
    sent = engine.send(alice)

    engine.check(check_request(different_code(outbox.code)))

    assert emitted[1:] == [
        CheckFailed(
            recipient=recipient,
            verification_id=sent.verification_id,
            attempts_remaining=4,
        )
    ]


def test_last_wrong_code_emits_max_attempts_reached(
    limited, emitted, outbox, recipient, alice, check_request
):
    engine = limited(max_checks=1)
    sent = engine.send(alice)
    engine.check(check_request(different_code(outbox.code)))

    error_of(engine.check, check_request(outbox.code))

    assert emitted[1:] == [
        CheckFailed(
            recipient=recipient,
            verification_id=sent.verification_id,
            attempts_remaining=0,
        ),
        MaxAttemptsReached(recipient=recipient, verification_id=sent.verification_id),
        RequestRefused(recipient=recipient, action=Action.CHECK, limit="max_checks"),
    ]


def test_check_without_verification_emits_check_not_found(
    engine, emitted, recipient, check_request
):
    error_of(engine.check, check_request("123456"))

    assert emitted == [CheckNotFound(recipient=recipient)]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            lambda engine: {"store": StoreLosingReplies(engine.store, "reserve_send")},
            "store",
        ),
        (
            lambda engine: {
                "policy": replace(engine.policy, sending=Switches(default=False))
            },
            "sending_disabled",
        ),
    ],
)
def test_unavailable_service_emits_request_failed_with_the_reason(
    engine, emitted, recipient, alice, changes, reason
):
    error_of(replace(engine, **changes(engine)).send, alice)

    assert emitted == [
        RequestUnavailable(recipient=recipient, action=Action.SEND, reason=reason)
    ]


def test_throttling_provider_emits_request_failed(engine, emitted, outbox, alice):
    outbox.error = ProviderUnavailable()
    outbox.error.provider_error = 20429

    error_of(engine.send, alice)

    assert [event.reason for event in emitted] == ["provider"]


def test_check_without_answer_of_redis_emits_request_failed(
    limited, emitted, check_request
):
    engine = limited(checks_per_ip=Limit.parse("9/1h"))
    unavailable = replace(
        engine, store=StoreLosingReplies(engine.store, "acquire_hits")
    )

    error = error_of(unavailable.check, check_request("123456", CLIENT_IP))

    assert isinstance(error, StoreUnavailable)
    assert [(event.action, event.reason) for event in emitted] == [
        (Action.CHECK, "store")
    ]


def test_events_contain_no_number_code_or_address(
    engine, emitted, outbox, alice, check_request
):
    engine.send(alice)
    code = outbox.code
    engine.check(check_request(different_code(code), CLIENT_IP))
    engine.check(check_request(code, CLIENT_IP))
    error_of(engine.check, check_request(code, CLIENT_IP))
    error_of(
        replace(engine, destinations=AllowedDestinations({"US"})).send,
        replace(alice, client_ip=CLIENT_IP),
    )

    text = repr(emitted)

    assert len(emitted) == 5
    for secret in (alice.address.e164[1:], "9445012345", code, CLIENT_IP):
        assert secret not in text


def test_approval_by_a_client_emits_verification_approved(
    engine, emitted, recipient, alice
):
    sent = engine.send(alice)

    engine.approve(alice.address, DEFAULT, sent.verification_id)

    assert emitted[1:] == [
        VerificationApproved(
            recipient=recipient,
            verification_id=sent.verification_id,
            channel=Channel.SMS,
        )
    ]


def test_cancel_emits_verification_canceled(engine, emitted, recipient, alice):
    sent = engine.send(alice)

    engine.cancel(alice.address, DEFAULT, sent.verification_id)

    assert emitted[1:] == [
        VerificationCanceled(recipient=recipient, verification_id=sent.verification_id)
    ]


def test_events_of_two_phones_have_different_hashes(engine, emitted, alice):
    engine.send(alice)
    engine.send(replace(alice, address=numbers.parse("+919445067890", "IN")))

    [alices, bobs] = [event.recipient for event in emitted]

    assert alices.phone_hash != bobs.phone_hash
    assert alices.prefix == bobs.prefix == "+91944"


@pytest.mark.parametrize(
    ("locale", "language"),
    [("pt_BR", "pt-BR"), (None, "en"), ("tlh", "en"), ("+919445012345", "en")],
)
def test_event_has_language_of_message(engine, emitted, alice, locale, language):
    engine.send(replace(alice, locale=locale))

    assert [event.locale for event in emitted] == [language]


def time_of(redis):
    seconds, microseconds = redis.time()
    return seconds * 1000 + microseconds // 1000


def test_sent_message_has_the_time_of_its_count(engine, emitted, alice, redis):
    earliest = time_of(redis)

    engine.send(alice)

    assert earliest <= emitted[0].facts.counted_at <= time_of(redis)


def test_times_of_earlier_counts_are_in_the_event_of_a_send(
    limited, emitted, alice, redis
):
    limit = Limit.parse("5/10m")
    engine = limited(sends_per_ip=limit, sends_total=limit)
    earliest = time_of(redis)

    engine.send(replace(alice, client_ip=CLIENT_IP))

    facts = emitted[0].facts
    assert earliest <= facts.counted_at - facts.requester_ms
    assert 0 <= facts.phone_ms <= facts.requester_ms


@pytest.mark.parametrize("limit", ["sends_per_phone", "sends_per_ip", "sends_total"])
def test_refused_send_has_the_time_of_its_refusal(
    limited, emitted, alice, redis, limit
):
    engine = limited(**{limit: Limit.parse("1/10m")})
    send_request = replace(alice, client_ip=CLIENT_IP)
    engine.send(send_request)
    earliest = time_of(redis)

    error_of(engine.send, send_request)

    assert earliest <= emitted[-1].facts.counted_at <= time_of(redis)


def test_send_that_no_limit_counted_has_no_time(engine, emitted, alice):
    error_of(replace(engine, destinations=AllowedDestinations({"US"})).send, alice)

    assert emitted[0].facts.counted_at == 0


def test_send_that_is_released_for_its_requester_has_no_time(limited, emitted, alice):
    engine = limited(sends_per_ip=Limit.parse("5/10m"))
    overloaded = replace(engine, hash_queue=HashQueueWithHook(raise_overloaded))

    error_of(overloaded.send, replace(alice, client_ip=CLIENT_IP))

    assert emitted[0].reason == "overloaded"
    assert emitted[0].facts.counted_at == 0


def test_send_that_finds_no_provider_has_the_time_of_its_count(
    engine, emitted, outbox, alice
):
    outbox.error = ProviderUnavailable()

    error_of(engine.send, alice)

    assert emitted[0].reason == "provider"
    assert emitted[0].facts.counted_at > 0


def test_event_of_a_send_names_its_key_and_hides_its_networks(engine, emitted, alice):
    send_request = replace(alice, client_ip="2001:db8:1:2::/64", client_name="shop")

    engine.send(send_request)

    pseudonymize = engine.peppers[0].pseudonymize
    facts = emitted[0].facts
    assert facts.client_name == "shop"
    assert facts.ip_networks == (
        pseudonymize("address", "2001:db8:1::/56"),
        pseudonymize("address", "2001:db8:1::/48"),
    )


def test_recipients_of_one_block_share_its_hash(engine, alice):
    pepper = engine.peppers[0]
    numbers_of_blocks = ["+919445012345", "+919445019999", "+919445022345"]

    same, neighbor, other = (
        PseudonymousRecipient.from_address(numbers.parse(number, "IN"), pepper)
        for number in numbers_of_blocks
    )

    assert same.block_hash == neighbor.block_hash != other.block_hash
