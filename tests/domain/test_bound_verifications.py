"""Bound verifications are checked, resent and canceled with their handle only."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.inspection import PhoneInspector
from otp_engine.domain.limits.limits import Limit
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
    """Return a request for a bound verification of Alice."""
    return replace(alice, bind=True)


@pytest.fixture
def with_handle(check_request):
    """Return a function that makes a check with a handle."""

    def make(code, verification_id):
        return replace(check_request(code), bound_id=verification_id)

    return make


def test_bound_verification_is_approved_with_its_handle(
    engine, outbox, bound, with_handle
):
    sent = engine.send(bound)

    checked = engine.check(with_handle(outbox.code, sent.verification_id))

    assert checked.approved
    assert checked.verification_id == sent.verification_id


def test_bound_verification_cannot_be_checked_by_number(
    engine, outbox, bound, check_request
):
    engine.send(bound)

    with pytest.raises(VerificationNotFound):
        engine.check(check_request(outbox.code))


def test_bound_verification_cannot_be_seen_or_canceled_by_number(engine, bound):
    sent = engine.send(bound)

    with pytest.raises(VerificationNotFound):
        engine.get_pending(bound.address)
    with pytest.raises(VerificationNotFound):
        engine.cancel(bound.address, DEFAULT, sent.verification_id)


def test_bound_verification_is_canceled_with_its_handle(
    engine, outbox, bound, with_handle
):
    sent = engine.send(bound)

    engine.cancel(bound.address, DEFAULT, sent.verification_id, sent.verification_id)

    with pytest.raises(VerificationNotFound):
        engine.check(with_handle(outbox.code, sent.verification_id))


def test_failed_checks_by_number_leave_bound_verification_unchanged(
    engine, outbox, alice, bound, check_request, with_handle
):
    # An attacker uses all attempts of the phone by number.
    engine = with_policy(
        engine, max_checks=2, failed_checks_per_phone=Limit.parse("2/1h")
    )
    sent = engine.send(bound)
    code = outbox.code
    engine.send(alice)
    for _ in range(2):
        engine.check(check_request(different_code(*outbox.codes)))
    with pytest.raises(TooManyAttempts):
        engine.check(check_request(outbox.code))

    assert engine.check(with_handle(code, sent.verification_id)).approved


def test_bound_verification_of_another_client_has_its_own_attempts(
    engine, outbox, bound, with_handle
):
    engine = with_policy(engine, max_checks=2)
    sent = engine.send(bound)
    code = outbox.code
    other = engine.send(bound)
    for _ in range(2):
        engine.check(with_handle(different_code(*outbox.codes), other.verification_id))

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


def test_bound_verification_has_its_own_limit_of_failed_checks(
    engine, outbox, bound, with_handle
):
    engine = with_policy(
        engine, max_checks=5, failed_checks_per_phone=Limit.parse("2/1h")
    )
    sent = engine.send(bound)
    remaining = [
        engine.check(
            with_handle(different_code(outbox.code), sent.verification_id)
        ).attempts_remaining
        for _ in range(2)
    ]

    with pytest.raises(TooManyAttempts):
        engine.check(with_handle(outbox.code, sent.verification_id))

    assert remaining == [1, 0]


def test_last_attempt_of_bound_verification_has_its_end_as_retry_after(
    engine, outbox, bound, with_handle
):
    engine = with_policy(engine, max_checks=1)
    sent = engine.send(bound)

    result = engine.check(
        with_handle(different_code(outbox.code), sent.verification_id)
    )

    assert timedelta(minutes=9) < result.retry_after <= timedelta(minutes=10)


@pytest.mark.parametrize("length", [4, 10])
def test_send_returns_length_of_its_code(engine, outbox, bound, length):
    sent = with_policy(engine, code_length=length).send(bound)

    assert sent.code_length == len(outbox.code) == length


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

    with pytest.raises(RateLimited) as raised:
        engine.send(replace(bound, bind=False, bound_id=sent.verification_id))

    assert raised.value.limit == "resend_cooldown"


def test_bound_and_other_verifications_share_the_limit_of_sends(engine, alice, bound):
    engine = with_policy(engine, sends_per_phone=Limit.parse("2/10m"))
    engine.send(alice)
    engine.send(bound)

    with pytest.raises(RateLimited) as raised:
        engine.send(bound)

    assert raised.value.limit == "sends_per_phone"


def test_failed_checks_of_bound_verifications_keep_the_checks_by_number(
    engine, outbox, alice, bound, check_request, with_handle
):
    # An attacker fails the checks of a bound verification of the same phone.
    engine = with_policy(engine, failed_checks_per_phone=Limit.parse("2/1h"))
    other = engine.send(bound)
    for _ in range(2):
        engine.check(with_handle(different_code(outbox.code), other.verification_id))

    engine.send(alice)

    assert engine.check(check_request(outbox.code)).approved


def test_failed_checks_of_bound_verifications_are_consecutive_failures(
    engine, outbox, bound, with_handle
):
    engine = with_policy(engine, max_checks=2, max_consecutive_failures=4)
    for _ in range(2):
        sent = engine.send(bound)
        for _ in range(2):
            engine.check(with_handle(different_code(outbox.code), sent.verification_id))

    with pytest.raises(RateLimited) as raised:
        engine.send(bound)

    assert raised.value.limit == "max_consecutive_failures"


def test_bound_verification_belongs_to_its_service(engine, outbox, bound, with_handle):
    shop = Service(sid="VA1", namespace="VA1")
    sent = engine.send(replace(bound, service=shop))
    check_request = with_handle(outbox.code, sent.verification_id)

    with pytest.raises(VerificationNotFound):
        engine.check(check_request)
    assert engine.check(replace(check_request, service=shop)).approved


def test_inspector_reports_and_deletes_bound_verifications(
    engine, store, redis, bound, outbox, with_handle
):
    inspector = PhoneInspector(
        store, store.limit_usage, store.guard, engine.peppers, engine.policy
    )
    sent = engine.send(bound)

    pending = inspector.inspect(bound.address, [""]).pending
    deleted = inspector.delete(bound.address, [""])

    assert [(shown.namespace, shown.pending.verification_id) for shown in pending] == [
        (f"+{sent.verification_id.hex()}", sent.verification_id)
    ]
    assert deleted
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
