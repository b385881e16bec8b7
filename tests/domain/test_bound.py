"""Bound verifications: checked, sent again and cancelled with their handle only."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import timedelta

import pytest

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain import handles
from otp_engine.domain.handles import Handle
from otp_engine.domain.inspection import PhoneInspector
from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.phones import numbers
from otp_engine.domain.services import DEFAULT, Service
from otp_engine.errors import (
    RateLimited,
    TooManyAttempts,
    VerificationNotFound,
)
from tests.support.fakes import different_code
from tests.support.time_travel import age
from tests.support.tuning import with_policy


@pytest.fixture
def bound(alice):
    """Alice asks for a code of a bound verification."""
    return replace(alice, bind=True)


@pytest.fixture
def with_handle(guess):
    """Check a code with the handle of a bound verification."""

    def typed(code, verification):
        return replace(guess(code), bound_id=verification)

    return typed


def test_bound_verification_is_approved_with_its_handle(
    engine, outbox, bound, with_handle
):
    sent = engine.send(bound)

    checked = engine.check(with_handle(outbox.code, sent.verification_id))

    assert checked.approved
    assert checked.verification_id == sent.verification_id


def test_bound_verification_cannot_be_checked_by_number(engine, outbox, bound, guess):
    engine.send(bound)

    with pytest.raises(VerificationNotFound):
        engine.check(guess(outbox.code))


def test_bound_verification_cannot_be_seen_or_canceled_by_number(engine, bound):
    sent = engine.send(bound)

    with pytest.raises(VerificationNotFound):
        engine.get_pending(bound.number)
    with pytest.raises(VerificationNotFound):
        engine.cancel(bound.number, DEFAULT, sent.verification_id)


def test_bound_verification_is_canceled_with_its_handle(
    engine, outbox, bound, with_handle
):
    sent = engine.send(bound)

    engine.cancel(bound.number, DEFAULT, sent.verification_id, sent.verification_id)

    with pytest.raises(VerificationNotFound):
        engine.check(with_handle(outbox.code, sent.verification_id))


def test_failed_checks_by_number_leave_bound_verification_unchanged(
    engine, outbox, alice, bound, guess, with_handle
):
    """A stranger spends the attempts and the budget of the phone."""
    engine = with_policy(
        engine, max_checks=2, failed_checks_per_phone=Limit.parse("2/1h")
    )
    sent = engine.send(bound)
    code = outbox.code
    engine.send(alice)
    for _ in range(2):
        engine.check(guess(different_code(*outbox.codes)))
    with pytest.raises(TooManyAttempts):
        engine.check(guess(outbox.code))

    assert engine.check(with_handle(code, sent.verification_id)).approved


def test_bound_verification_of_another_client_has_its_own_attempts(
    engine, outbox, bound, with_handle
):
    engine = with_policy(engine, max_checks=2)
    sent = engine.send(bound)
    code = outbox.code
    stranger = engine.send(bound)
    for _ in range(2):
        engine.check(
            with_handle(different_code(*outbox.codes), stranger.verification_id)
        )

    assert engine.check(with_handle(code, sent.verification_id)).approved


def test_resend_of_bound_verification_adds_no_checks(
    engine, outbox, bound, with_handle
):
    engine = with_policy(engine, max_checks=2)
    sent = engine.send(bound)
    engine.check(with_handle(different_code(*outbox.codes), sent.verification_id))
    engine.send(replace(bound, bind=False, bound_id=sent.verification_id))
    engine.check(with_handle(different_code(*outbox.codes), sent.verification_id))

    with pytest.raises(TooManyAttempts):
        engine.check(with_handle(outbox.code, sent.verification_id))


def test_bound_verification_has_the_budget_of_a_phone(
    engine, outbox, bound, with_handle
):
    engine = with_policy(
        engine, max_checks=5, failed_checks_per_phone=Limit.parse("2/1h")
    )
    sent = engine.send(bound)
    left = [
        engine.check(
            with_handle(different_code(outbox.code), sent.verification_id)
        ).attempts_remaining
        for _ in range(2)
    ]

    with pytest.raises(TooManyAttempts):
        engine.check(with_handle(outbox.code, sent.verification_id))

    assert left == [1, 0]


def test_bound_verification_is_resent_with_its_handle(
    engine, outbox, bound, with_handle
):
    sent = engine.send(bound)

    again = engine.send(replace(bound, bind=False, bound_id=sent.verification_id))

    assert again.verification_id == sent.verification_id
    assert engine.check(with_handle(outbox.codes[0], sent.verification_id)).approved


def test_ended_bound_verification_is_not_resent(engine, outbox, bound, with_handle):
    sent = engine.send(bound)
    engine.check(with_handle(outbox.code, sent.verification_id))

    with pytest.raises(VerificationNotFound):
        engine.send(replace(bound, bind=False, bound_id=sent.verification_id))

    assert len(outbox.messages) == 1


def test_sends_by_number_start_no_cooldown_of_bound_verification(
    engine, alice, bound, redis
):
    engine = with_policy(engine, resend_cooldown=timedelta(seconds=30))
    sent = engine.send(bound)
    age(redis, timedelta(seconds=30))
    engine.send(alice)

    again = engine.send(replace(bound, bind=False, bound_id=sent.verification_id))

    assert again.verification_id == sent.verification_id


def test_cooldown_of_bound_verification_follows_its_own_sends(engine, bound):
    engine = with_policy(engine, resend_cooldown=timedelta(seconds=30))
    sent = engine.send(bound)

    with pytest.raises(RateLimited) as refusal:
        engine.send(replace(bound, bind=False, bound_id=sent.verification_id))

    assert refusal.value.limit == "resend_cooldown"


def test_bound_and_other_verifications_share_the_messages_of_a_phone(
    engine, alice, bound
):
    engine = with_policy(engine, sends_per_phone=Limit.parse("2/10m"))
    engine.send(alice)
    engine.send(bound)

    with pytest.raises(RateLimited) as refusal:
        engine.send(bound)

    assert refusal.value.limit == "sends_per_phone"


def test_failed_checks_of_bound_verifications_leave_the_budget_by_number(
    engine, outbox, alice, bound, guess, with_handle
):
    """A stranger binds a verification and fails, and the phone is checked by number."""
    engine = with_policy(engine, failed_checks_per_phone=Limit.parse("2/1h"))
    stranger = engine.send(bound)
    for _ in range(2):
        engine.check(with_handle(different_code(outbox.code), stranger.verification_id))

    engine.send(alice)

    assert engine.check(guess(outbox.code)).approved


def test_failed_checks_of_bound_verifications_count_towards_the_ceiling(
    engine, outbox, bound, with_handle
):
    engine = with_policy(engine, max_checks=2, max_consecutive_failures=4)
    for _ in range(2):
        sent = engine.send(bound)
        for _ in range(2):
            engine.check(with_handle(different_code(outbox.code), sent.verification_id))

    with pytest.raises(RateLimited) as refusal:
        engine.send(bound)

    assert refusal.value.limit == "max_consecutive_failures"


def test_bound_verification_belongs_to_its_service(engine, outbox, bound, with_handle):
    shop = Service(sid="VA1", namespace="VA1")
    sent = engine.send(replace(bound, service=shop))
    asked = with_handle(outbox.code, sent.verification_id)

    with pytest.raises(VerificationNotFound):
        engine.check(asked)
    assert engine.check(replace(asked, service=shop)).approved


def test_inspector_reports_and_deletes_bound_verifications(
    engine, store, redis, bound, outbox, with_handle
):
    inspector = PhoneInspector(store, store.limit_usage, engine.peppers, engine.policy)
    sent = engine.send(bound)

    waiting = inspector.inspect(bound.number, [""]).pending
    assert [(space, one.verification_id) for space, one in waiting] == [
        (f"+{sent.verification_id.hex()}", sent.verification_id)
    ]
    assert inspector.delete(bound.number, [""])

    with pytest.raises(VerificationNotFound):
        engine.check(with_handle(outbox.code, sent.verification_id))
    assert redis.dbsize() == 0


def test_bound_verification_keeps_its_pepper_during_rotation(
    engine, outbox, bound, with_handle
):
    sent = engine.send(bound)
    rotated = replace(engine, peppers=(Pepper(b"n" * 32), *engine.peppers))

    again = rotated.send(replace(bound, bind=False, bound_id=sent.verification_id))

    assert again.verification_id == sent.verification_id
    assert rotated.check(with_handle(outbox.codes[0], sent.verification_id)).approved


PEPPER = Pepper(b"p" * 32)
HANDLE = Handle(b"v" * 16, numbers.parse("+919445012345", "IN"))
WRITTEN = HANDLE.encode(PEPPER)


def read(text, *peppers):
    return handles.parse(
        text, peppers, lambda e164: numbers.parse(e164, numbers.UNKNOWN_REGION)
    )


def test_handle_is_parsed_under_either_pepper_of_a_rotation():
    assert read(WRITTEN, Pepper(b"n" * 32), PEPPER) == HANDLE


def test_handle_contains_no_number():
    assert "9445012345" not in WRITTEN
    assert WRITTEN.isascii()
    assert "=" not in WRITTEN


@pytest.mark.parametrize(
    "text",
    [
        WRITTEN[:-1],
        f"{WRITTEN}A",
        f"{WRITTEN}=",
        WRITTEN.swapcase(),
        f" {WRITTEN}",
        f"{WRITTEN}\n",
        "",
        "\u00e9" * 60,
        "A" * 60,
        base64.urlsafe_b64encode(PEPPER.encrypt(b"v" * 29, context=b"handle")).decode(),
        base64.urlsafe_b64encode(PEPPER.encrypt(b"v", context=b"number")).decode(),
    ],
    ids=range(11),
)
def test_changed_handle_finds_no_verification(text):
    with pytest.raises(VerificationNotFound):
        read(text, PEPPER)


def test_handle_of_another_pepper_finds_no_verification():
    with pytest.raises(VerificationNotFound):
        read(HANDLE.encode(PEPPER), Pepper(b"q" * 32))
