"""What each script does to the keys, on both stores."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.models import HashParameters
from otp_engine.domain.phones.phone_keys import PhoneKey
from otp_engine.errors import RateLimited, TooManyAttempts, VerificationNotFound
from otp_engine.store import keys
from otp_engine.store.redis_store import RedisStore

PHONE = PhoneKey("abcdefghijklmnop")
BINDING = HashParameters(b"i" * 16, "m=8,t=1,p=1")
TAG = b"\x00\xff" * 16


@pytest.fixture
def policy(policy):
    return replace(
        policy,
        resend_cooldown=timedelta(seconds=30),
        sends_per_phone=Limit.parse("5/10m, 10/24h"),
        failed_checks_per_phone=Limit.parse("10/1h"),
    )


@pytest.fixture
def eager(policy):
    """The same without a cooldown."""
    return replace(policy, resend_cooldown=timedelta())


def token():
    return secrets.token_bytes(8)


def open_and_arm(store, policy, code_hash=TAG):
    name = token()
    store.reserve_send(
        PHONE, idempotency_key=name, hash_parameters=BINDING, policy=policy
    )
    assert store.commit_send(
        PHONE, idempotency_key=name, code_hash=code_hash, policy=policy
    )
    return name


def test_a_verification_keeps_the_binding_it_began_with(store, eager):
    open_and_arm(store, eager)
    other = HashParameters(b"j" * 16, "m=64,t=1,p=1")

    opened = store.reserve_send(
        PHONE, idempotency_key=token(), hash_parameters=other, policy=eager
    )

    assert opened.hash_parameters == BINDING


def test_a_claim_hands_back_every_live_hash(store, eager):
    open_and_arm(store, eager, b"1" * 32)
    open_and_arm(store, eager, b"2" * 32)

    claim = store.reserve_check(PHONE, idempotency_key=token(), policy=eager)

    assert set(claim.code_hashes) == {b"1" * 32, b"2" * 32}
    assert claim.hash_parameters == BINDING


def test_a_send_that_is_only_reserved_leaves_nothing_to_guess_at(store, policy, redis):
    store.reserve_send(
        PHONE, idempotency_key=token(), hash_parameters=BINDING, policy=policy
    )

    with pytest.raises(VerificationNotFound):
        store.reserve_check(PHONE, idempotency_key=token(), policy=policy)

    assert not redis.exists(keys.for_phone(PHONE).failed_checks)


def test_claiming_nothing_creates_nothing(store, policy, redis):
    with pytest.raises(VerificationNotFound):
        store.reserve_check(PHONE, idempotency_key=token(), policy=policy)

    assert redis.dbsize() == 0


def test_claiming_never_extends_the_life_of_a_code(store, policy, redis):
    open_and_arm(store, policy)
    redis.pexpire(keys.for_phone(PHONE).verification, 5_000)

    store.reserve_check(PHONE, idempotency_key=token(), policy=policy)

    assert 0 < redis.pttl(keys.for_phone(PHONE).verification) <= 5_000


def test_a_send_that_is_opened_twice_is_one_send(store, policy, redis):
    name = token()
    first = store.reserve_send(
        PHONE, idempotency_key=name, hash_parameters=BINDING, policy=policy
    )

    again = store.reserve_send(
        PHONE, idempotency_key=name, hash_parameters=BINDING, policy=policy
    )

    assert again.hash_parameters == first.hash_parameters
    assert redis.zcard(keys.for_phone(PHONE).sends) == 1


def test_a_guess_that_is_claimed_twice_is_paid_for_once(store, policy, redis):
    open_and_arm(store, policy)
    name = token()
    first = store.reserve_check(PHONE, idempotency_key=name, policy=policy)

    again = store.reserve_check(PHONE, idempotency_key=name, policy=policy)

    assert again.attempts_remaining == first.attempts_remaining == 4
    assert redis.zcard(keys.for_phone(PHONE).failed_checks) == 1


def test_the_last_guess_can_be_claimed_twice_too(store, policy):
    """A repetition must be answered before it is refused."""
    open_and_arm(store, policy)
    names = [token() for _ in range(5)]
    for name in names:
        store.reserve_check(PHONE, idempotency_key=name, policy=policy)

    assert (
        store.reserve_check(
            PHONE, idempotency_key=names[-1], policy=policy
        ).attempts_remaining
        == 0
    )


def test_a_code_that_is_armed_twice_is_one_code(store, policy):
    name = open_and_arm(store, policy)

    assert store.commit_send(PHONE, idempotency_key=name, code_hash=TAG, policy=policy)
    assert (
        len(
            store.reserve_check(
                PHONE, idempotency_key=token(), policy=policy
            ).code_hashes
        )
        == 1
    )


def test_an_approval_that_is_asked_for_twice_is_still_one(store, policy):
    open_and_arm(store, policy)
    name = token()
    first = store.approve(PHONE, idempotency_key=name, verification_id=BINDING.salt)

    again = store.approve(PHONE, idempotency_key=name, verification_id=BINDING.salt)
    assert first is not None
    assert again is not None
    assert timedelta() <= again - first < timedelta(minutes=1)
    assert abs(datetime.now(UTC) - first) < timedelta(minutes=1)
    assert (
        store.approve(PHONE, idempotency_key=token(), verification_id=BINDING.salt)
        is None
    )


def test_a_verification_is_not_closed_by_the_id_of_another(store, policy):
    open_and_arm(store, policy)

    assert not store.approve(PHONE, idempotency_key=token(), verification_id=b"x" * 16)
    assert store.reserve_check(PHONE, idempotency_key=token(), policy=policy)


def test_an_approval_forgets_the_verification_and_the_wrong_guesses(
    store, policy, redis
):
    open_and_arm(store, policy)
    name = token()
    store.reserve_check(PHONE, idempotency_key=name, policy=policy)

    store.approve(PHONE, idempotency_key=name, verification_id=BINDING.salt)

    assert not redis.exists(
        keys.for_phone(PHONE).verification, keys.for_phone(PHONE).failed_checks
    )


def test_no_code_is_armed_once_the_verification_is_closed(store, eager):
    open_and_arm(store, eager)
    late = token()
    store.reserve_send(
        PHONE, idempotency_key=late, hash_parameters=BINDING, policy=eager
    )
    store.approve(PHONE, idempotency_key=token(), verification_id=BINDING.salt)

    assert not store.commit_send(
        PHONE, idempotency_key=late, code_hash=TAG, policy=eager
    )


def test_a_cancelled_verification_has_no_code_left_to_guess_at(store, eager):
    open_and_arm(store, eager)
    open_and_arm(store, eager)

    assert store.cancel(PHONE)

    with pytest.raises(VerificationNotFound):
        store.reserve_check(PHONE, idempotency_key=token(), policy=eager)


def test_cancelling_clears_neither_wrong_guesses_nor_messages(store, policy, redis):
    name, guess = open_and_arm(store, policy), token()
    store.reserve_check(PHONE, idempotency_key=guess, policy=policy)

    store.cancel(PHONE)

    assert redis.zrange(keys.for_phone(PHONE).failed_checks, 0, -1) == [guess]
    assert redis.zrange(keys.for_phone(PHONE).consecutive_failures, 0, -1) == [guess]
    assert redis.zrange(keys.for_phone(PHONE).sends, 0, -1) == [name]
    assert redis.dbsize() == 3


def test_cancelling_takes_a_reservation_along(store, eager):
    open_and_arm(store, eager)
    late = token()
    store.reserve_send(
        PHONE, idempotency_key=late, hash_parameters=BINDING, policy=eager
    )

    store.cancel(PHONE)

    assert not store.commit_send(
        PHONE, idempotency_key=late, code_hash=TAG, policy=eager
    )


def test_a_send_that_is_only_reserved_leaves_nothing_to_cancel(store, policy):
    name = token()
    store.reserve_send(
        PHONE, idempotency_key=name, hash_parameters=BINDING, policy=policy
    )

    assert not store.cancel(PHONE)
    assert store.commit_send(PHONE, idempotency_key=name, code_hash=TAG, policy=policy)


def test_codes_that_have_ended_leave_nothing_to_cancel(store, eager):
    """The verification itself is alive as long as the reservation stands."""
    over = replace(eager, ttl=timedelta())
    name = token()
    store.reserve_send(
        PHONE, idempotency_key=token(), hash_parameters=BINDING, policy=eager
    )
    store.reserve_send(
        PHONE, idempotency_key=name, hash_parameters=BINDING, policy=eager
    )
    store.commit_send(PHONE, idempotency_key=name, code_hash=TAG, policy=over)

    assert not store.cancel(PHONE)


def test_cancelling_twice_is_cancelling_once(store, policy, redis):
    open_and_arm(store, policy)
    store.cancel(PHONE)

    assert not store.cancel(PHONE)
    assert redis.keys("*") == [keys.for_phone(PHONE).sends.encode()]


def test_no_guess_is_approved_once_the_verification_is_cancelled(store, policy):
    open_and_arm(store, policy)
    name = token()
    claim = store.reserve_check(PHONE, idempotency_key=name, policy=policy)
    store.cancel(PHONE)

    assert not store.approve(
        PHONE, idempotency_key=name, verification_id=claim.hash_parameters.salt
    )


def test_a_verification_cannot_end_between_opening_and_arming(store, eager, redis):
    open_and_arm(store, eager)
    redis.pexpire(keys.for_phone(PHONE).verification, 20)

    store.reserve_send(
        PHONE, idempotency_key=token(), hash_parameters=BINDING, policy=eager
    )

    assert redis.pttl(keys.for_phone(PHONE).verification) > 590_000


def test_a_later_code_never_shortens_the_life_of_an_earlier_one(store, eager, redis):
    open_and_arm(store, eager)

    open_and_arm(store, replace(eager, ttl=timedelta(minutes=1)))

    assert redis.pttl(keys.for_phone(PHONE).verification) > 590_000


def test_a_withdrawn_send_leaves_no_trace(store, policy, redis):
    name = open_and_arm(store, policy)

    store.release_send(PHONE, idempotency_key=name)

    assert redis.dbsize() == 0


def test_a_withdrawn_re_send_leaves_the_first_code_and_its_end(store, eager, redis):
    open_and_arm(store, replace(eager, ttl=timedelta(minutes=1)), b"1" * 32)
    second = open_and_arm(store, eager, b"2" * 32)
    assert redis.pttl(keys.for_phone(PHONE).verification) > 60_000

    store.release_send(PHONE, idempotency_key=second)

    assert redis.pttl(keys.for_phone(PHONE).verification) <= 60_000
    assert store.reserve_check(
        PHONE, idempotency_key=token(), policy=eager
    ).code_hashes == (b"1" * 32,)
    assert redis.zcard(keys.for_phone(PHONE).sends) == 1


def test_a_send_is_given_back_only_once(store, eager, redis):
    first, second = open_and_arm(store, eager), open_and_arm(store, eager)
    store.release_send(PHONE, idempotency_key=second)

    store.release_send(PHONE, idempotency_key=second)

    assert redis.zrange(keys.for_phone(PHONE).sends, 0, -1) == [first]


def test_a_guess_that_is_given_back_can_be_made_again(store, policy, redis):
    open_and_arm(store, policy)
    kept, returned = token(), token()
    store.reserve_check(PHONE, idempotency_key=kept, policy=policy)
    store.reserve_check(PHONE, idempotency_key=returned, policy=policy)

    store.release_check(PHONE, idempotency_key=returned)
    store.release_check(PHONE, idempotency_key=returned)

    assert redis.hget(keys.for_phone(PHONE).verification, "checks") == kept
    assert redis.zrange(keys.for_phone(PHONE).failed_checks, 0, -1) == [kept]


def test_a_spent_verification_says_when_it_ends(store, policy):
    one = replace(policy, max_checks=1)
    open_and_arm(store, one)
    store.reserve_check(PHONE, idempotency_key=token(), policy=one)

    with pytest.raises(TooManyAttempts) as refusal:
        store.reserve_check(PHONE, idempotency_key=token(), policy=one)

    assert timedelta(minutes=9) < refusal.value.retry_after <= timedelta(minutes=10)


def test_a_spent_phone_is_told_the_longer_of_its_waits(store, policy):
    strict = replace(policy, max_checks=1, failed_checks_per_phone=Limit.parse("1/1h"))
    open_and_arm(store, strict)
    store.reserve_check(PHONE, idempotency_key=token(), policy=strict)

    with pytest.raises(TooManyAttempts) as refusal:
        store.reserve_check(PHONE, idempotency_key=token(), policy=strict)

    assert refusal.value.retry_after > timedelta(minutes=59)


def test_a_guess_is_told_the_end_of_the_codes_and_not_of_a_reservation(
    store, eager, redis
):
    open_and_arm(store, replace(eager, ttl=timedelta(minutes=1)))
    store.reserve_send(
        PHONE, idempotency_key=token(), hash_parameters=BINDING, policy=eager
    )

    claim = store.reserve_check(PHONE, idempotency_key=token(), policy=eager)

    assert claim.expires_in <= timedelta(minutes=1)


def test_a_refused_guess_is_not_charged(store, policy, redis):
    strict = replace(policy, failed_checks_per_phone=Limit.parse("1/1h"))
    open_and_arm(store, strict)
    store.reserve_check(PHONE, idempotency_key=token(), policy=strict)

    with pytest.raises(RateLimited):
        store.reserve_check(PHONE, idempotency_key=token(), policy=strict)

    assert redis.zcard(keys.for_phone(PHONE).failed_checks) == 1
    assert len(redis.hget(keys.for_phone(PHONE).verification, "checks")) == 8


def test_every_key_has_an_expiry_at_every_step(store, eager, redis):
    def all_expire():
        return all(redis.pttl(key) > 0 for key in redis.keys("*"))

    name, guess = token(), token()
    store.reserve_send(
        PHONE, idempotency_key=name, hash_parameters=BINDING, policy=eager
    )
    assert all_expire()
    store.commit_send(PHONE, idempotency_key=name, code_hash=TAG, policy=eager)
    assert all_expire()
    store.release_send(PHONE, idempotency_key=open_and_arm(store, eager))
    assert all_expire()
    store.reserve_check(PHONE, idempotency_key=guess, policy=eager)
    assert all_expire()
    store.release_check(PHONE, idempotency_key=guess)
    assert all_expire()
    store.reserve_check(PHONE, idempotency_key=guess, policy=eager)
    store.approve(PHONE, idempotency_key=guess, verification_id=BINDING.salt)
    assert all_expire()
    assert redis.dbsize() == 2


def test_redis_keeps_a_verification_packed(real_redis, policy):
    """One field over 64 bytes unpacks the hash, to about three times the memory."""
    store = RedisStore(real_redis)
    eager = replace(policy, resend_cooldown=timedelta())
    for _ in range(5):
        open_and_arm(store, eager)
    for _ in range(5):
        store.reserve_check(PHONE, idempotency_key=token(), policy=eager)

    for key in (
        keys.for_phone(PHONE).verification,
        keys.for_phone(PHONE).sends,
        keys.for_phone(PHONE).failed_checks,
    ):
        assert real_redis.object("ENCODING", key) == b"listpack"
