"""The rules of canceling, on both stores."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.phones import numbers
from otp_engine.domain.phones.phone_keys import PhoneKey
from otp_engine.domain.services import DEFAULT
from otp_engine.errors import RateLimited, Unavailable, VerificationNotFound
from tests.support.fakes import HashQueueWithHook, different_code
from tests.support.tuning import with_policy

BOB = numbers.parse("+919445067890", "IN")


def test_no_code_of_a_canceled_verification_works(engine, outbox, alice, check_request):
    engine.send(alice)
    sent = engine.send(alice)

    engine.cancel(alice.address, DEFAULT, sent.verification_id)

    for code in outbox.codes:
        with pytest.raises(VerificationNotFound):
            engine.check(check_request(code))


def test_cancel_without_a_send_finds_no_verification(engine, alice, redis):
    with pytest.raises(VerificationNotFound):
        engine.cancel(alice.address, DEFAULT, b"0" * 16)

    assert redis.dbsize() == 0


def test_approved_verification_cannot_be_canceled(engine, outbox, alice, check_request):
    sent = engine.send(alice)
    engine.check(check_request(outbox.code))

    with pytest.raises(VerificationNotFound):
        engine.cancel(alice.address, DEFAULT, sent.verification_id)


def test_second_cancel_finds_no_verification(engine, alice):
    sent = engine.send(alice)
    engine.cancel(alice.address, DEFAULT, sent.verification_id)

    with pytest.raises(VerificationNotFound):
        engine.cancel(alice.address, DEFAULT, sent.verification_id)


def test_cancel_of_one_phone_keeps_the_others(engine, outbox, alice, check_request):
    engine.send(alice)
    sent = engine.send(replace(alice, address=BOB))

    engine.cancel(BOB, DEFAULT, sent.verification_id)

    assert engine.check(check_request(outbox.codes[0])).approved


def test_cancel_keeps_failed_checks_counted(engine, outbox, alice, check_request):
    engine = with_policy(engine, failed_checks_per_phone=Limit.parse("3/1h"))
    sent = engine.send(alice)
    engine.check(check_request(different_code(outbox.code)))

    engine.cancel(alice.address, DEFAULT, sent.verification_id)

    engine.send(alice)
    assert (
        engine.check(check_request(different_code(outbox.code))).attempts_remaining == 1
    )


def test_cancel_keeps_sends_counted(engine, alice):
    engine = with_policy(engine, sends_per_phone=Limit.parse("1/10m"))
    sent = engine.send(alice)

    engine.cancel(alice.address, DEFAULT, sent.verification_id)

    with pytest.raises(RateLimited) as raised:
        engine.send(alice)
    assert raised.value.limit == "sends_per_phone"


def test_cancel_ends_the_cooldown(engine, outbox, alice, check_request):
    engine = with_policy(engine, resend_cooldown=timedelta(seconds=30))
    sent = engine.send(alice)

    engine.cancel(alice.address, DEFAULT, sent.verification_id)

    engine.send(alice)
    assert engine.check(check_request(outbox.code)).approved


def test_cancel_finds_a_verification_under_the_previous_pepper(engine, alice):
    old, new = engine.peppers[0], Pepper(b"n" * 32)
    sent = engine.send(alice)

    replace(engine, peppers=(new, old)).cancel(
        alice.address, DEFAULT, sent.verification_id
    )

    phone = PhoneKey(old.pseudonymize("phone", alice.address.e164))
    assert engine.store.get_pending(phone) is None


def test_cancel_during_a_send_stops_the_message(engine, outbox, alice):
    sent = engine.send(alice)
    cancel = HashQueueWithHook(
        lambda: engine.cancel(alice.address, DEFAULT, sent.verification_id)
    )

    with pytest.raises(Unavailable):
        replace(engine, hash_queue=cancel).send(alice)

    assert len(outbox.messages) == 1


def test_cancel_during_a_check_prevents_the_approval(
    engine, outbox, alice, check_request
):
    sent = engine.send(alice)
    cancel = HashQueueWithHook(
        lambda: engine.cancel(alice.address, DEFAULT, sent.verification_id)
    )

    with pytest.raises(VerificationNotFound):
        replace(engine, hash_queue=cancel).check(check_request(outbox.code))
