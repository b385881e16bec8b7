"""Whoever watches the engine is told what happened, once, and nothing personal."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from otp_engine.domain import phone
from otp_engine.domain.events import (
    Action,
    Approved,
    Canceled,
    CodeSent,
    Exhausted,
    NothingWaiting,
    RequestRefused,
    Undelivered,
    Unserved,
    WrongCode,
)
from otp_engine.domain.limits import Limit
from otp_engine.domain.phone import Served
from otp_engine.domain.service import DEFAULT
from otp_engine.domain.verification import Channel
from otp_engine.domain.watched import Watched
from otp_engine.domain.whom import Whom
from otp_engine.errors import (
    CarrierUnavailable,
    DeliveryFailed,
    DeliveryUnconfirmed,
    InvalidPhone,
    NumberTypeNotAllowed,
    OTPError,
    StoreUnavailable,
)
from tests.fakes import Unheard, other_than
from tests.tuning import with_policy

ADDRESS = "203.0.113.7"


@pytest.fixture
def told():
    return []


@pytest.fixture
def whom(alice, engine):
    return Whom.of(alice.number, engine.peppers[0])


@pytest.fixture
def watch(engine, told):
    """Watch the engine, with a difference or without."""

    def watch(**different):
        return Watched(replace(engine, watch=told.append, **different))

    return watch


@pytest.fixture
def limited(engine, watch):
    """Watch the engine under other rules."""
    return lambda **values: watch(policy=with_policy(engine, **values).policy)


def refused(by, request):
    with pytest.raises(OTPError) as refusal:
        by(request)
    return refusal.value


def test_a_code_that_a_carrier_accepted_is_sent(watch, told, whom, alice):
    sent = watch().send(alice)

    assert told == [
        CodeSent(
            whom=whom,
            verification=sent.id,
            attempt=sent.token,
            service=DEFAULT.sid,
            channel=Channel.SMS,
            code_length=6,
            locale=None,
            confirmed=True,
        )
    ]


def test_a_code_that_a_carrier_was_silent_about_is_sent_and_not_confirmed(
    watch, told, outbox, alice
):
    outbox.refusal = DeliveryUnconfirmed()

    silence = refused(watch().send, alice)

    assert [(event.attempt, event.confirmed) for event in told] == [
        (silence.attempt, False)
    ]


def test_a_message_that_the_carrier_refused_is_undelivered(
    watch, told, outbox, whom, alice
):
    outbox.refusal = DeliveryFailed()
    outbox.refusal.carrier_error = 21610

    refused(watch().send, alice)

    undelivered = Undelivered(
        whom=whom, channel=Channel.SMS, error="delivery_failed", carrier_error=21610
    )
    assert told == [undelivered]


def test_a_remembered_provider_refusal_is_a_refused_request(
    watch, told, outbox, whom, alice
):
    outbox.refusal = DeliveryFailed()
    outbox.refusal.carrier_error = 21610
    for _ in range(2):
        with pytest.raises(DeliveryFailed):
            watch().send(alice)

    assert told[1:] == [
        RequestRefused(whom=whom, action=Action.SEND, limit="provider_refusal")
    ]


@pytest.mark.parametrize("better_known", [InvalidPhone, NumberTypeNotAllowed])
def test_a_number_that_only_the_carrier_knew_to_be_wrong_is_undelivered(
    watch, told, outbox, alice, better_known
):
    outbox.refusal = better_known()
    outbox.refusal.carrier_error = 21211

    refused(watch().send, alice)

    assert [type(event) for event in told] == [Undelivered]
    assert told[0].error == better_known.name


@pytest.mark.parametrize(
    ("rule", "by"),
    [
        ({"sends_per_phone": "1/10m"}, "sends_per_phone"),
        ({"sends_per_ip": "1/10m"}, "sends_per_ip"),
        ({"sends_total": "1/10m"}, "sends_total"),
    ],
)
def test_a_refusal_names_the_limit(limited, told, whom, alice, rule, by):
    service = limited(**{name: Limit.parse(text) for name, text in rule.items()})
    asked = replace(alice, address=ADDRESS)
    service.send(asked)

    refused(service.send, asked)

    [_, event] = told
    pepper = service.engine.peppers[0]
    there = replace(whom, address=pepper.pseudonymize("address", ADDRESS))
    assert event == RequestRefused(whom=there, action=Action.SEND, limit=by)


def test_a_rule_that_is_no_limit_is_named_as_the_policy_names_it(limited, told, alice):
    service = limited(resend_cooldown=timedelta(seconds=30))
    service.send(alice)

    refused(service.send, alice)

    assert told[-1].limit == "resend_cooldown"


def test_a_country_that_is_not_served_is_a_refusal(watch, told, alice):
    refused(watch(served=Served({"US"})).send, alice)

    assert [event.limit for event in told] == ["country_not_allowed"]


def test_a_limit_in_shadow_tells_whom_it_would_have_refused(limited, told, whom, alice):
    service = limited(
        sends_total=Limit.parse("1/10m shadow"),
        sends_per_phone=Limit.parse("2/10m shadow"),
    )

    for _ in range(3):
        service.send(alice)

    shadows = [event for event in told if isinstance(event, RequestRefused)]
    assert [event.limit for event in shadows] == [
        "sends_total",
        "sends_per_phone",
        "sends_total",
    ]
    assert all(event.shadow and event.whom == whom for event in shadows)
    assert len(told) == 6


def test_a_check_that_a_limit_in_shadow_would_have_refused_is_told(
    limited, told, outbox, alice, guess
):
    service = limited(checks_per_ip=Limit.parse("1/10m shadow"))
    service.send(alice)
    for _ in range(2):
        service.check(guess(other_than(outbox.code), ADDRESS))

    [event] = [event for event in told if isinstance(event, RequestRefused)]

    assert (event.action, event.limit, event.shadow) == (
        Action.CHECK,
        "checks_per_ip",
        True,
    )


def test_a_right_code_is_an_approval(watch, told, outbox, whom, alice, guess):
    service = watch()
    sent = service.send(alice)

    service.check(guess(outbox.code))

    approved = Approved(whom=whom, verification=sent.id, channel=Channel.SMS)
    assert told[1:] == [approved]


def test_a_wrong_code_says_how_many_guesses_are_left(
    watch, told, outbox, whom, alice, guess
):
    service = watch()
    sent = service.send(alice)

    service.check(guess(other_than(outbox.code)))

    assert told[1:] == [WrongCode(whom=whom, verification=sent.id, attempts_left=4)]


def test_the_last_wrong_code_exhausts_the_verification(
    limited, told, outbox, whom, alice, guess
):
    service = limited(max_checks=1)
    sent = service.send(alice)
    service.check(guess(other_than(outbox.code)))

    refused(service.check, guess(outbox.code))

    assert told[1:] == [
        WrongCode(whom=whom, verification=sent.id, attempts_left=0),
        Exhausted(whom=whom, verification=sent.id),
        RequestRefused(whom=whom, action=Action.CHECK, limit="max_checks"),
    ]


def test_a_code_for_a_phone_that_waits_for_none_finds_nothing(watch, told, whom, guess):
    refused(watch().check, guess("123456"))

    assert told == [NothingWaiting(whom=whom)]


@pytest.mark.parametrize(
    ("different", "why"),
    [
        (lambda engine: {"store": Unheard(engine.store, "open")}, "store"),
        (
            lambda engine: {"policy": replace(engine.policy, sending=False)},
            "sending_off",
        ),
    ],
)
def test_what_the_service_could_not_do_is_told_with_its_reason(
    engine, watch, told, whom, alice, different, why
):
    refused(watch(**different(engine)).send, alice)

    assert told == [Unserved(whom=whom, action=Action.SEND, why=why)]


def test_a_carrier_that_asks_for_a_pause_refused_no_message(watch, told, outbox, alice):
    outbox.refusal = CarrierUnavailable()
    outbox.refusal.carrier_error = 20429

    refused(watch().send, alice)

    assert [event.why for event in told] == ["carrier"]


def test_a_check_that_redis_did_not_answer_is_unserved(engine, watch, told, guess):
    error = refused(
        watch(store=Unheard(engine.store, "take")).check, guess("123456", ADDRESS)
    )

    assert isinstance(error, StoreUnavailable)
    assert [(event.action, event.why) for event in told] == [(Action.CHECK, "store")]


def test_nothing_that_is_told_has_the_number_or_the_code(
    watch, told, outbox, alice, guess
):
    service = watch()
    service.send(alice)
    code = outbox.code
    service.check(guess(other_than(code), ADDRESS))
    service.check(guess(code, ADDRESS))
    refused(service.check, guess(code, ADDRESS))
    refused(watch(served=Served({"US"})).send, replace(alice, address=ADDRESS))

    written = repr(told)

    assert len(told) == 5
    for secret in (alice.number.e164[1:], "9445012345", code, ADDRESS):
        assert secret not in written


def test_an_approval_that_a_program_made_is_told(watch, told, whom, alice):
    service = watch()
    sent = service.send(alice)

    service.approve(alice.number, DEFAULT, sent.id)

    assert told[1:] == [Approved(whom=whom, verification=sent.id, channel=Channel.SMS)]


def test_a_verification_that_was_closed_without_a_code_is_told(
    watch, told, whom, alice
):
    service = watch()
    sent = service.send(alice)

    service.cancel(alice.number, DEFAULT, sent.id)

    assert told[1:] == [Canceled(whom=whom, verification=sent.id)]


def test_two_phones_are_told_apart(watch, told, alice):
    service = watch()
    service.send(alice)
    service.send(replace(alice, number=phone.read("+919445067890", "IN")))

    [one, other] = [event.whom for event in told]

    assert one.phone != other.phone
    assert one.prefix == other.prefix == "+91944"


@pytest.mark.parametrize(
    ("locale", "told_of"),
    [("pt-BR", "pt"), (None, None), ("tlh", None), ("+919445012345", None)],
)
def test_only_a_language_that_we_know_is_told(watch, told, alice, locale, told_of):
    watch().send(replace(alice, locale=locale))

    assert [event.locale for event in told] == [told_of]
