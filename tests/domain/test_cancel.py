"""The rules of cancelling, on both stores."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain import phone
from otp_engine.domain.limits import Limit
from otp_engine.errors import RateLimited, Unavailable, VerificationNotFound
from tests.fakes import Meanwhile, other_than
from tests.tuning import with_policy

BOB = phone.read("+919445067890", "IN")


def test_no_code_of_a_cancelled_verification_works(engine, outbox, alice, guess):
    engine.send(alice)
    engine.send(alice)

    engine.cancel(alice.number)

    for code in outbox.codes:
        with pytest.raises(VerificationNotFound):
            engine.check(guess(code))


def test_there_is_nothing_to_cancel_where_nothing_was_sent(engine, alice, client):
    with pytest.raises(VerificationNotFound):
        engine.cancel(alice.number)

    assert client.dbsize() == 0


def test_there_is_nothing_to_cancel_once_the_code_was_used(
    engine, outbox, alice, guess
):
    engine.send(alice)
    engine.check(guess(outbox.code))

    with pytest.raises(VerificationNotFound):
        engine.cancel(alice.number)


def test_a_verification_is_cancelled_only_once(engine, alice):
    engine.send(alice)
    engine.cancel(alice.number)

    with pytest.raises(VerificationNotFound):
        engine.cancel(alice.number)


def test_cancelling_for_one_phone_leaves_the_others(engine, outbox, alice, guess):
    engine.send(alice)
    engine.send(replace(alice, number=BOB))

    engine.cancel(BOB)

    assert engine.check(guess(outbox.codes[0])).approved


def test_cancelling_gives_no_wrong_guess_back(engine, outbox, alice, guess):
    engine = with_policy(engine, failed_checks_per_phone=Limit.parse("3/1h"))
    engine.send(alice)
    engine.check(guess(other_than(outbox.code)))

    engine.cancel(alice.number)

    engine.send(alice)
    assert engine.check(guess(other_than(outbox.code))).attempts_left == 1


def test_cancelling_gives_no_message_back(engine, alice):
    engine = with_policy(engine, sends_per_phone=Limit.parse("1/10m"))
    engine.send(alice)

    engine.cancel(alice.number)

    with pytest.raises(RateLimited) as refusal:
        engine.send(alice)
    assert refusal.value.limit == "sends_per_phone"


def test_the_cooldown_ends_with_a_cancelled_verification(engine, outbox, alice, guess):
    engine = with_policy(engine, resend_cooldown=timedelta(seconds=30))
    engine.send(alice)

    engine.cancel(alice.number)

    engine.send(alice)
    assert engine.check(guess(outbox.code)).approved


def test_a_verification_is_cancelled_under_the_pepper_it_began_with(engine, alice):
    old, new = engine.peppers[0], Pepper(b"n" * 32)
    engine.send(alice)

    replace(engine, peppers=(new, old)).cancel(alice.number)

    assert engine.store.look(old.pseudonymize("phone", alice.number.e164)) is None


def test_no_code_is_sent_when_the_verification_was_cancelled_in_the_meantime(
    engine, outbox, alice
):
    engine.send(alice)
    cancel = Meanwhile(lambda: engine.cancel(alice.number))

    with pytest.raises(Unavailable):
        replace(engine, hashing=cancel).send(alice)

    assert len(outbox.messages) == 1


def test_no_guess_is_approved_when_the_verification_was_cancelled_in_the_meantime(
    engine, outbox, alice, guess
):
    engine.send(alice)
    cancel = Meanwhile(lambda: engine.cancel(alice.number))

    with pytest.raises(VerificationNotFound):
        replace(engine, hashing=cancel).check(guess(outbox.code))
