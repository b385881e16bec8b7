"""The rules of checking, on both stores."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from otp_engine.crypto.argon2 import PROFILES
from otp_engine.crypto.hash_queue import HashQueue
from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.models import CheckRequest
from otp_engine.domain.phones import numbers
from otp_engine.errors import (
    LimitExceeded,
    Overloaded,
    RateLimited,
    StoreUnavailable,
    TooManyAttempts,
    VerificationNotFound,
)
from tests.support.fakes import StoreLosingReplies, different_code
from tests.support.time_travel import age
from tests.support.tuning import with_policy


def test_right_code_is_approved(engine, outbox, alice, check_request):
    engine.send(alice)

    assert engine.check(check_request(outbox.code)).approved


def test_right_code_works_once(engine, outbox, alice, check_request):
    engine.send(alice)
    engine.check(check_request(outbox.code))

    with pytest.raises(VerificationNotFound):
        engine.check(check_request(outbox.code))


def test_wrong_code_returns_attempts_remaining(engine, outbox, alice, check_request):
    engine.send(alice)

    checked = engine.check(check_request(different_code(outbox.code)))

    assert not checked.approved
    assert checked.attempts_remaining == 4
    assert timedelta(minutes=9) < checked.expires_in <= timedelta(minutes=10)


def test_check_without_attempts_left_is_refused(engine, outbox, alice, check_request):
    engine.send(alice)
    remaining = [
        engine.check(check_request(different_code(outbox.code))).attempts_remaining
        for _ in range(5)
    ]

    with pytest.raises(TooManyAttempts):
        engine.check(check_request(outbox.code))

    assert remaining == [4, 3, 2, 1, 0]


def test_right_code_is_approved_at_the_last_attempt(
    engine, outbox, alice, check_request
):
    engine.send(alice)
    for _ in range(4):
        engine.check(check_request(different_code(outbox.code)))

    assert engine.check(check_request(outbox.code)).approved


def test_check_without_a_send_finds_no_verification(engine, check_request, redis):
    with pytest.raises(VerificationNotFound):
        engine.check(check_request("123456"))

    assert redis.dbsize() == 0


def test_code_is_not_found_for_another_phone(engine, outbox, alice):
    engine.send(alice)
    bob = numbers.parse("+919445067890", "IN")

    with pytest.raises(VerificationNotFound):
        engine.check(CheckRequest(address=bob, code=outbox.code))


def test_expired_code_is_not_found(engine, redis, outbox, alice, check_request):
    engine.send(alice)
    age(redis, engine.policy.ttl)

    with pytest.raises(VerificationNotFound):
        engine.check(check_request(outbox.code))


def test_resend_adds_no_attempts(engine, outbox, alice, check_request):
    engine.send(alice)
    for _ in range(3):
        engine.check(check_request(different_code(outbox.code)))

    engine.send(alice)

    assert (
        engine.check(check_request(different_code(*outbox.codes))).attempts_remaining
        == 1
    )


def test_earlier_code_of_a_live_verification_is_approved(
    engine, outbox, alice, check_request
):
    engine.send(alice)
    engine.send(alice)
    engine.send(alice)

    assert engine.check(check_request(outbox.codes[0])).approved


def test_resend_does_not_extend_an_earlier_code(
    engine, redis, outbox, alice, check_request
):
    minute = timedelta(minutes=1)
    engine.send(alice)
    age(redis, engine.policy.ttl - minute)
    engine.send(alice)
    first, second = outbox.codes
    age(redis, 2 * minute)

    assert not engine.check(check_request(first)).approved
    assert engine.check(check_request(second)).approved


def test_approval_ends_all_codes_of_the_verification(
    engine, outbox, alice, check_request
):
    engine.send(alice)
    engine.send(alice)
    engine.check(check_request(outbox.codes[0]))

    with pytest.raises(VerificationNotFound):
        engine.check(check_request(outbox.codes[1]))


def test_new_verification_keeps_failed_checks_of_the_phone(
    engine, redis, outbox, alice, check_request
):
    strict = with_policy(
        engine, max_checks=2, failed_checks_per_phone=Limit.parse("3/1h")
    )
    strict.send(alice)
    for _ in range(2):
        strict.check(check_request(different_code(outbox.code)))
    age(redis, strict.policy.ttl)
    strict.send(alice)

    last = strict.check(check_request(different_code(outbox.code)))

    assert last.attempts_remaining == 0
    with pytest.raises(RateLimited) as raised:
        strict.check(check_request(outbox.code))
    assert raised.value.limit == "failed_checks_per_phone"


def test_right_code_clears_failed_checks_of_the_phone(
    engine, outbox, alice, check_request
):
    strict = with_policy(engine, failed_checks_per_phone=Limit.parse("3/1h"))
    strict.send(alice)
    for _ in range(2):
        strict.check(check_request(different_code(outbox.code)))
    strict.check(check_request(outbox.code))

    strict.send(alice)

    assert (
        strict.check(check_request(different_code(outbox.code))).attempts_remaining == 2
    )


def test_limit_by_ip_counts_checks_of_all_phones(engine, outbox, alice, check_request):
    engine = with_policy(engine, checks_per_ip=Limit.parse("2/1m"))
    engine.send(alice)
    for _ in range(2):
        engine.check(check_request(different_code(outbox.code), "203.0.113.7"))

    with pytest.raises(RateLimited) as raised:
        engine.check(check_request(outbox.code, "203.0.113.7"))

    assert raised.value.limit == "checks_per_ip"
    assert engine.check(check_request(outbox.code, "203.0.113.8")).approved


@pytest.mark.parametrize(
    "changes", [{"max_checks": 1}, {"failed_checks_per_phone": Limit.parse("1/1h")}]
)
def test_check_refused_by_the_phone_counts_for_the_client_ip(
    engine, outbox, alice, check_request, changes
):
    engine = with_policy(engine, checks_per_ip=Limit.parse("3/1m"), **changes)
    engine.send(alice)
    engine.check(check_request(different_code(outbox.code), "203.0.113.7"))
    for _ in range(2):
        with pytest.raises(LimitExceeded) as raised:
            engine.check(check_request(outbox.code, "203.0.113.7"))
        assert raised.value.retry_after > timedelta(minutes=1)

    with pytest.raises(RateLimited) as raised:
        engine.check(check_request(outbox.code, "203.0.113.7"))

    assert raised.value.limit == "checks_per_ip"


def test_check_without_verification_counts_for_the_client_ip(engine, check_request):
    # Otherwise an attacker could search for phones with a pending verification.
    engine = with_policy(engine, checks_per_ip=Limit.parse("1/1m"))
    with pytest.raises(VerificationNotFound):
        engine.check(check_request("123456", "203.0.113.7"))

    with pytest.raises(RateLimited) as raised:
        engine.check(check_request("123456", "203.0.113.7"))

    assert raised.value.limit == "checks_per_ip"


def test_check_with_a_full_hash_queue_is_released(engine, outbox, alice, check_request):
    engine.send(alice)
    full = HashQueue(1, max_waiting=0)
    engine = with_policy(engine, checks_per_ip=Limit.parse("1/1m"))
    busy = replace(engine, hash_queue=full)
    for _ in range(10):
        with full.acquire_slot(), pytest.raises(Overloaded):
            busy.check(check_request(outbox.code, "203.0.113.7"))

    wrong = engine.check(check_request(different_code(outbox.code), "203.0.113.7"))

    assert wrong.attempts_remaining == 4


def test_new_argon2_parameters_keep_live_codes_valid(
    engine, outbox, alice, check_request
):
    engine.send(alice)

    stronger = replace(engine, argon2=PROFILES["light"])

    assert stronger.check(check_request(outbox.code)).approved


def test_check_with_a_lost_reply_is_released(engine, outbox, alice, check_request):
    engine = with_policy(
        engine,
        max_checks=1,
        failed_checks_per_phone=Limit.parse("1/1h"),
        checks_per_ip=Limit.parse("2/1h"),
    )
    engine.send(alice)
    with pytest.raises(StoreUnavailable):
        replace(engine, store=StoreLosingReplies(engine.store, "reserve_check")).check(
            check_request("000000", "203.0.113.7")
        )

    assert engine.check(check_request(outbox.code, "203.0.113.7")).approved


def test_right_check_with_a_lost_approval_is_not_released(
    engine, outbox, alice, check_request
):
    # Redis may have stored the approval, and a code is approved once.
    engine.send(alice)
    with pytest.raises(StoreUnavailable):
        replace(engine, store=StoreLosingReplies(engine.store, "approve")).check(
            check_request(outbox.code)
        )

    with pytest.raises(VerificationNotFound):
        engine.check(check_request(outbox.code))
