"""What a service decides for itself, and what holds in all of them; on both stores."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from otp_engine.domain.limits.limits import Limit, LimitHit
from otp_engine.domain.phones import numbers
from otp_engine.domain.services import DEFAULT, Service
from otp_engine.errors import (
    CountryNotAllowed,
    NumberTypeNotAllowed,
    RateLimited,
    VerificationNotFound,
)
from tests.support.fakes import different_code
from tests.support.tuning import with_policy

SHOP = Service(
    sid="VA1", namespace="VA1", brand="Shop", code_length=8, do_not_share_warning=False
)


@pytest.fixture
def shopper(alice):
    """Alice asks for a code of the shop's."""
    return replace(alice, service=SHOP)


def test_code_of_one_service_is_not_found_in_another(engine, outbox, shopper, guess):
    engine.send(shopper)

    with pytest.raises(VerificationNotFound):
        engine.check(guess(outbox.code))
    assert engine.check(replace(guess(outbox.code), service=SHOP)).approved


def test_message_has_the_name_and_code_length_of_the_service(engine, outbox, shopper):
    engine.send(shopper)

    assert len(outbox.code) == 8
    assert outbox.messages[0].body.endswith("is your Shop code. It expires in 10 min.")


def test_custom_code_is_sent_and_approved(engine, outbox, alice, guess):
    engine.send(replace(alice, custom_code="AbC123"))

    assert outbox.messages[0].body.startswith("AbC123 ")
    assert not engine.check(guess("abc123")).approved
    assert engine.check(guess("AbC123")).approved


def test_own_limits_count_a_send_in_all_or_none(engine, alice):
    once, often = Limit.parse("1/1h"), Limit.parse("9/1h")
    charges = (LimitHit("often", "x", often), LimitHit("once", "x", once))
    asked = replace(alice, extra_hits=charges)
    engine.send(asked)

    with pytest.raises(RateLimited) as refusal:
        engine.send(asked)

    assert refusal.value.limit == "once"
    only_often = replace(
        alice, extra_hits=(LimitHit("often", "x", Limit.parse("2/1h")),)
    )
    engine.send(only_often)


def test_trusted_number_of_any_country_is_allowed(engine, outbox, alice):
    jane = replace(alice, number=numbers.parse("+14155552671", "IN"))
    with pytest.raises(CountryNotAllowed) as refusal:
        engine.send(jane)
    assert refusal.value.country == "US"

    engine.send(replace(jane, geo_exempt=True))

    assert outbox.messages[0].to == "+14155552671"


def test_trusted_landline_is_rejected(engine, alice):
    landline = numbers.parse("+912224935555", "IN")

    with pytest.raises(NumberTypeNotAllowed):
        engine.send(replace(alice, number=landline, geo_exempt=True))


def test_look_counts_no_check(engine, outbox, alice, guess):
    sent = engine.send(alice)
    engine.check(guess(different_code(outbox.code)))

    waiting = [engine.get_pending(alice.number) for _ in range(9)][-1]

    assert (waiting.verification_id, waiting.attempts_used) == (sent.verification_id, 1)
    assert timedelta(minutes=9) < waiting.expires_in <= timedelta(minutes=10)


def test_look_without_verification_finds_none(engine, alice, redis):
    with pytest.raises(VerificationNotFound):
        engine.get_pending(alice.number)

    assert redis.dbsize() == 0


def test_second_approval_finds_no_verification(engine, outbox, alice, guess):
    sent = engine.send(alice)

    engine.approve(alice.number, alice.service, sent.verification_id)

    with pytest.raises(VerificationNotFound):
        engine.approve(alice.number, alice.service, sent.verification_id)
    with pytest.raises(VerificationNotFound):
        engine.check(guess(outbox.code))


def test_approval_without_a_code_keeps_failed_checks(engine, outbox, alice, guess):
    engine = with_policy(engine, failed_checks_per_phone=Limit.parse("2/1h"))
    sent = engine.send(alice)
    engine.check(guess(different_code(outbox.code)))
    engine.approve(alice.number, alice.service, sent.verification_id)
    engine.send(alice)
    engine.check(guess(different_code(outbox.code)))

    with pytest.raises(RateLimited):
        engine.check(guess(outbox.code))


def test_right_code_clears_failed_checks_of_all_services(
    engine, outbox, alice, shopper, guess
):
    engine = with_policy(engine, failed_checks_per_phone=Limit.parse("2/1h"))
    engine.send(alice)
    engine.check(guess(different_code(outbox.code)))
    engine.send(shopper)
    engine.check(replace(guess(outbox.code), service=SHOP))

    assert engine.check(guess(different_code(outbox.codes[0]))).attempts_remaining == 1


def test_check_of_an_ended_verification_leaves_the_next_unchanged(
    engine, outbox, alice, guess
):
    old = engine.send(alice)
    engine.cancel(alice.number, DEFAULT, old.verification_id)
    engine.send(alice)
    late = replace(guess(outbox.code), verification_id=old.verification_id)

    for _ in range(9):
        with pytest.raises(VerificationNotFound):
            engine.check(late)

    assert engine.check(guess(outbox.code)).approved


def test_cancel_and_approve_of_an_ended_id_close_nothing(engine, outbox, alice, guess):
    old = engine.send(alice)
    engine.cancel(alice.number, DEFAULT, old.verification_id)
    engine.send(alice)

    with pytest.raises(VerificationNotFound):
        engine.cancel(alice.number, alice.service, old.verification_id)
    with pytest.raises(VerificationNotFound):
        engine.approve(alice.number, alice.service, old.verification_id)

    assert engine.check(guess(outbox.code)).approved
