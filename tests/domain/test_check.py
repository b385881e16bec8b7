"""The rules of checking, on both stores."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from otp_engine.crypto.argon2 import PROFILES
from otp_engine.crypto.hash_pool import HashPool
from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.models import CheckRequest
from otp_engine.domain.phones import numbers
from otp_engine.domain.phones.phone_keys import PhoneKey
from otp_engine.errors import (
    LimitExceeded,
    Overloaded,
    RateLimited,
    StoreUnavailable,
    TooManyAttempts,
    VerificationNotFound,
)
from tests.support.fakes import StoreLosingReplies, different_code
from tests.support.redis_server import wait_until
from tests.support.tuning import with_policy


def test_right_code_is_approved(engine, outbox, alice, guess):
    engine.send(alice)

    assert engine.check(guess(outbox.code)).approved


def test_right_code_works_once(engine, outbox, alice, guess):
    engine.send(alice)
    engine.check(guess(outbox.code))

    with pytest.raises(VerificationNotFound):
        engine.check(guess(outbox.code))


def test_a_wrong_code_says_how_many_guesses_are_left(engine, outbox, alice, guess):
    engine.send(alice)

    checked = engine.check(guess(different_code(outbox.code)))

    assert not checked.approved
    assert checked.attempts_remaining == 4
    assert timedelta(minutes=9) < checked.expires_in <= timedelta(minutes=10)


def test_right_code_is_rejected_without_attempts_left(engine, outbox, alice, guess):
    engine.send(alice)
    left = [
        engine.check(guess(different_code(outbox.code))).attempts_remaining
        for _ in range(5)
    ]

    with pytest.raises(TooManyAttempts):
        engine.check(guess(outbox.code))

    assert left == [4, 3, 2, 1, 0]


def test_right_code_is_approved_at_the_last_attempt(engine, outbox, alice, guess):
    engine.send(alice)
    for _ in range(4):
        engine.check(guess(different_code(outbox.code)))

    assert engine.check(guess(outbox.code)).approved


def test_check_without_a_send_finds_no_verification(engine, guess, redis):
    with pytest.raises(VerificationNotFound):
        engine.check(guess("123456"))

    assert redis.dbsize() == 0


def test_code_is_not_found_for_another_phone(engine, outbox, alice):
    engine.send(alice)
    bob = numbers.parse("+919445067890", "IN")

    with pytest.raises(VerificationNotFound):
        engine.check(CheckRequest(number=bob, code=outbox.code))


def test_expired_code_is_not_found(engine, outbox, alice, guess):
    short = with_policy(engine, ttl=timedelta(milliseconds=50))
    short.send(alice)
    phone_key = PhoneKey(engine.peppers[0].pseudonymize("phone", alice.number.e164))
    wait_until(lambda: engine.store.get_pending(phone_key) is None)

    with pytest.raises(VerificationNotFound):
        engine.check(guess(outbox.code))


def test_resend_gives_no_attempt_back(engine, outbox, alice, guess):
    engine.send(alice)
    for _ in range(3):
        engine.check(guess(different_code(outbox.code)))

    engine.send(alice)

    assert engine.check(guess(different_code(*outbox.codes))).attempts_remaining == 1


def test_earlier_code_of_a_live_verification_is_approved(engine, outbox, alice, guess):
    engine.send(alice)
    engine.send(alice)
    engine.send(alice)

    assert engine.check(guess(outbox.codes[0])).approved


def test_resend_does_not_extend_an_earlier_code(engine, outbox, alice, guess):
    with_policy(engine, ttl=timedelta(milliseconds=50)).send(alice)
    engine.send(alice)
    first, second = outbox.codes
    many = with_policy(engine, max_checks=100)
    wait_until(lambda: not still_alive(engine, alice))

    assert not many.check(guess(first)).approved
    assert many.check(guess(second)).approved


def still_alive(engine, alice):
    """Whether the first of two codes is; asked of the store, which charges a guess."""
    phone = PhoneKey(engine.peppers[0].pseudonymize("phone", alice.number.e164))
    token = engine.random_bytes(8)
    claim = engine.store.reserve_check(
        phone, idempotency_key=token, policy=engine.policy
    )
    engine.store.release_check(phone, idempotency_key=token)
    return len(claim.code_hashes) > 1


def test_approval_ends_all_codes_of_the_verification(engine, outbox, alice, guess):
    engine.send(alice)
    engine.send(alice)
    engine.check(guess(outbox.codes[0]))

    with pytest.raises(VerificationNotFound):
        engine.check(guess(outbox.codes[1]))


def test_a_new_verification_does_not_refill_the_phones_wrong_guesses(
    engine, outbox, alice, guess
):
    strict = with_policy(
        engine, max_checks=2, failed_checks_per_phone=Limit.parse("3/1h")
    )
    brief = with_policy(strict, ttl=timedelta(milliseconds=200))
    brief.send(alice)
    for _ in range(2):
        brief.check(guess(different_code(outbox.code)))
    wait_until(lambda: sends(strict, alice))

    assert strict.check(guess(different_code(outbox.code))).attempts_remaining == 0
    with pytest.raises(RateLimited) as refusal:
        strict.check(guess(outbox.code))
    assert refusal.value.limit == "failed_checks_per_phone"


def sends(engine, asked):
    try:
        engine.send(asked)
    except TooManyAttempts:
        return False
    return True


def test_right_code_clears_failed_checks_of_the_phone(engine, outbox, alice, guess):
    strict = with_policy(engine, failed_checks_per_phone=Limit.parse("3/1h"))
    strict.send(alice)
    for _ in range(2):
        strict.check(guess(different_code(outbox.code)))
    strict.check(guess(outbox.code))

    strict.send(alice)

    assert strict.check(guess(different_code(outbox.code))).attempts_remaining == 2


def test_address_limit_counts_checks_of_all_phones(engine, outbox, alice, guess):
    engine = with_policy(engine, checks_per_ip=Limit.parse("2/1m"))
    engine.send(alice)
    for _ in range(2):
        engine.check(guess(different_code(outbox.code), "203.0.113.7"))

    with pytest.raises(RateLimited) as refusal:
        engine.check(guess(outbox.code, "203.0.113.7"))

    assert refusal.value.limit == "checks_per_ip"
    assert engine.check(guess(outbox.code, "203.0.113.8")).approved


@pytest.mark.parametrize(
    "spent", [{"max_checks": 1}, {"failed_checks_per_phone": Limit.parse("1/1h")}]
)
def test_check_rejected_by_the_phone_counts_against_the_address(
    engine, outbox, alice, guess, spent
):
    engine = with_policy(engine, checks_per_ip=Limit.parse("3/1m"), **spent)
    engine.send(alice)
    engine.check(guess(different_code(outbox.code), "203.0.113.7"))
    for _ in range(2):
        with pytest.raises(LimitExceeded) as refusal:
            engine.check(guess(outbox.code, "203.0.113.7"))
        assert refusal.value.retry_after > timedelta(minutes=1)

    with pytest.raises(RateLimited) as refusal:
        engine.check(guess(outbox.code, "203.0.113.7"))

    assert refusal.value.limit == "checks_per_ip"


def test_check_without_verification_counts_against_the_address(engine, guess):
    """Whoever tries many phones to find one that waits must be held up as well."""
    engine = with_policy(engine, checks_per_ip=Limit.parse("1/1m"))
    with pytest.raises(VerificationNotFound):
        engine.check(guess("123456", "203.0.113.7"))

    with pytest.raises(RateLimited) as refusal:
        engine.check(guess("123456", "203.0.113.7"))

    assert refusal.value.limit == "checks_per_ip"


def test_check_without_a_place_to_hash_is_released(engine, outbox, alice, guess):
    engine.send(alice)
    full = HashPool(1, max_queued=0)
    full._slots.acquire()  # noqa: SLF001 - as a hash would hold it
    engine = with_policy(engine, checks_per_ip=Limit.parse("1/1m"))
    busy = replace(engine, hash_pool=full)
    for _ in range(10):
        with pytest.raises(Overloaded):
            busy.check(guess(outbox.code, "203.0.113.7"))

    wrong = engine.check(guess(different_code(outbox.code), "203.0.113.7"))

    assert wrong.attempts_remaining == 4


def test_new_argon2_parameters_keep_live_codes_valid(engine, outbox, alice, guess):
    engine.send(alice)

    dearer = replace(engine, argon2=PROFILES["light"])

    assert dearer.check(guess(outbox.code)).approved


def test_check_with_a_lost_reply_is_released(engine, outbox, alice, guess):
    engine = with_policy(
        engine,
        max_checks=1,
        failed_checks_per_phone=Limit.parse("1/1h"),
        checks_per_ip=Limit.parse("2/1h"),
    )
    engine.send(alice)
    with pytest.raises(StoreUnavailable):
        replace(engine, store=StoreLosingReplies(engine.store, "reserve_check")).check(
            guess("000000", "203.0.113.7")
        )

    assert engine.check(guess(outbox.code, "203.0.113.7")).approved


def test_right_check_with_a_lost_approval_is_not_released(engine, outbox, alice, guess):
    """It may stand, and then the code is used up: nobody else may have it."""
    engine.send(alice)
    with pytest.raises(StoreUnavailable):
        replace(engine, store=StoreLosingReplies(engine.store, "approve")).check(
            guess(outbox.code)
        )

    with pytest.raises(VerificationNotFound):
        engine.check(guess(outbox.code))
