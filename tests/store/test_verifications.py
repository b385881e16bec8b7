"""The keys of a verification after each script, on both stores."""

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
HASH_PARAMETERS = HashParameters(b"i" * 16, "m=8,t=1,p=1")
CODE_HASH = b"\x00\xff" * 16


@pytest.fixture
def policy(policy):
    return replace(
        policy,
        resend_cooldown=timedelta(seconds=30),
        sends_per_phone=Limit.parse("5/10m, 10/24h"),
        failed_checks_per_phone=Limit.parse("10/1h"),
    )


@pytest.fixture
def no_cooldown(policy):
    """Return the policy without a cooldown."""
    return replace(policy, resend_cooldown=timedelta())


def new_key():
    return secrets.token_bytes(8)


def in_ten_minutes(redis):
    """Return the milliseconds since 1970 in ten minutes, by the clock of Redis."""
    seconds, _ = redis.time()
    return (seconds + 600) * 1000


def add_code(store, policy, code_hash=CODE_HASH):
    send_key = new_key()
    reservation = store.reserve_send(
        PHONE, idempotency_key=send_key, hash_parameters=HASH_PARAMETERS, policy=policy
    )
    assert store.commit_send(
        PHONE,
        idempotency_key=send_key,
        code_hash=code_hash,
        code_expires_at=reservation.code_expires_at,
    )
    return send_key


def test_resend_keeps_hash_parameters_of_first_send(store, no_cooldown):
    add_code(store, no_cooldown)
    other = HashParameters(b"j" * 16, "m=64,t=1,p=1")

    opened = store.reserve_send(
        PHONE, idempotency_key=new_key(), hash_parameters=other, policy=no_cooldown
    )

    assert opened.hash_parameters == HASH_PARAMETERS


def test_reserved_check_contains_every_live_hash(store, no_cooldown):
    add_code(store, no_cooldown, b"1" * 32)
    add_code(store, no_cooldown, b"2" * 32)

    reserved = store.reserve_check(PHONE, idempotency_key=new_key(), policy=no_cooldown)

    assert set(reserved.code_hashes) == {b"1" * 32, b"2" * 32}
    assert reserved.hash_parameters == HASH_PARAMETERS


def test_check_of_uncommitted_send_raises_not_found_and_counts_nothing(
    store, policy, redis
):
    store.reserve_send(
        PHONE, idempotency_key=new_key(), hash_parameters=HASH_PARAMETERS, policy=policy
    )

    with pytest.raises(VerificationNotFound):
        store.reserve_check(PHONE, idempotency_key=new_key(), policy=policy)

    assert not redis.exists(keys.for_phone(PHONE).failed_checks)


def test_check_without_verification_stores_nothing(store, policy, redis):
    with pytest.raises(VerificationNotFound):
        store.reserve_check(PHONE, idempotency_key=new_key(), policy=policy)

    assert redis.dbsize() == 0


# The embedded Redis caches the text of a script that it rejected; Redis 6 does not.
def test_scripts_run_in_a_second_store_of_the_same_redis(redis, policy):
    RedisStore(redis).release_check(PHONE, idempotency_key=new_key())
    second = RedisStore(redis)

    with pytest.raises(VerificationNotFound):
        second.reserve_check(PHONE, idempotency_key=new_key(), policy=policy)

    second.release_check(PHONE, idempotency_key=new_key())


def test_check_does_not_extend_expiry_of_verification(store, policy, redis):
    add_code(store, policy)
    redis.pexpire(keys.for_phone(PHONE).verification, 5_000)

    store.reserve_check(PHONE, idempotency_key=new_key(), policy=policy)

    assert 0 < redis.pttl(keys.for_phone(PHONE).verification) <= 5_000


def test_repeated_reserve_send_counts_once(store, policy, redis):
    send_key = new_key()
    first = store.reserve_send(
        PHONE, idempotency_key=send_key, hash_parameters=HASH_PARAMETERS, policy=policy
    )

    again = store.reserve_send(
        PHONE, idempotency_key=send_key, hash_parameters=HASH_PARAMETERS, policy=policy
    )

    assert again.hash_parameters == first.hash_parameters
    assert redis.zcard(keys.for_phone(PHONE).sends) == 1


def test_repeated_reserve_check_counts_once(store, policy, redis):
    add_code(store, policy)
    check_key = new_key()
    first = store.reserve_check(PHONE, idempotency_key=check_key, policy=policy)

    again = store.reserve_check(PHONE, idempotency_key=check_key, policy=policy)

    assert again.attempts_remaining == first.attempts_remaining == 4
    assert redis.zcard(keys.for_phone(PHONE).failed_checks) == 1


def test_repeated_reserve_of_last_attempt_is_accepted(store, policy):
    # The script must recognize a retry before it compares the count.
    add_code(store, policy)
    check_keys = [new_key() for _ in range(5)]
    for check_key in check_keys:
        store.reserve_check(PHONE, idempotency_key=check_key, policy=policy)

    assert (
        store.reserve_check(
            PHONE, idempotency_key=check_keys[-1], policy=policy
        ).attempts_remaining
        == 0
    )


def test_repeated_commit_send_adds_one_code(store, policy, redis):
    send_key = add_code(store, policy)

    assert store.commit_send(
        PHONE,
        idempotency_key=send_key,
        code_hash=CODE_HASH,
        code_expires_at=in_ten_minutes(redis),
    )
    assert (
        len(
            store.reserve_check(
                PHONE, idempotency_key=new_key(), policy=policy
            ).code_hashes
        )
        == 1
    )


def test_repeated_approve_succeeds_with_same_key_only(store, policy):
    add_code(store, policy)
    check_key = new_key()
    first = store.approve(
        PHONE,
        idempotency_key=check_key,
        verification_id=HASH_PARAMETERS.verification_id,
    )

    again = store.approve(
        PHONE,
        idempotency_key=check_key,
        verification_id=HASH_PARAMETERS.verification_id,
    )
    assert first is not None
    assert again is not None
    assert timedelta() <= again.at - first.at < timedelta(minutes=1)
    assert abs(datetime.now(UTC) - first.at) < timedelta(minutes=1)
    assert (
        store.approve(
            PHONE,
            idempotency_key=new_key(),
            verification_id=HASH_PARAMETERS.verification_id,
        )
        is None
    )


def test_approve_with_other_verification_id_changes_nothing(store, policy):
    add_code(store, policy)

    assert not store.approve(
        PHONE, idempotency_key=new_key(), verification_id=b"x" * 16
    )
    assert store.reserve_check(PHONE, idempotency_key=new_key(), policy=policy)


def test_approval_deletes_verification_and_failed_checks(store, policy, redis):
    add_code(store, policy)
    check_key = new_key()
    store.reserve_check(PHONE, idempotency_key=check_key, policy=policy)

    store.approve(
        PHONE,
        idempotency_key=check_key,
        verification_id=HASH_PARAMETERS.verification_id,
    )

    assert not redis.exists(
        keys.for_phone(PHONE).verification, keys.for_phone(PHONE).failed_checks
    )


def test_send_cannot_be_committed_after_approval(store, no_cooldown, redis):
    add_code(store, no_cooldown)
    late = new_key()
    store.reserve_send(
        PHONE, idempotency_key=late, hash_parameters=HASH_PARAMETERS, policy=no_cooldown
    )
    store.approve(
        PHONE,
        idempotency_key=new_key(),
        verification_id=HASH_PARAMETERS.verification_id,
    )

    assert not store.commit_send(
        PHONE,
        idempotency_key=late,
        code_hash=CODE_HASH,
        code_expires_at=in_ten_minutes(redis),
    )
    assert not redis.exists(keys.for_phone(PHONE).verification)


def test_check_after_cancellation_raises_not_found(store, no_cooldown):
    add_code(store, no_cooldown)
    add_code(store, no_cooldown)

    assert store.cancel(PHONE)

    with pytest.raises(VerificationNotFound):
        store.reserve_check(PHONE, idempotency_key=new_key(), policy=no_cooldown)


def test_cancellation_keeps_counted_failures_and_sends(store, policy, redis):
    send_key, check_key = add_code(store, policy), new_key()
    store.reserve_check(PHONE, idempotency_key=check_key, policy=policy)

    store.cancel(PHONE)

    assert redis.zrange(keys.for_phone(PHONE).failed_checks, 0, -1) == [check_key]
    assert redis.zrange(keys.for_phone(PHONE).consecutive_failures, 0, -1) == [
        check_key
    ]
    assert redis.zrange(keys.for_phone(PHONE).sends, 0, -1) == [send_key]
    assert redis.dbsize() == 3


def test_send_cannot_be_committed_after_cancellation(store, no_cooldown, redis):
    add_code(store, no_cooldown)
    late = new_key()
    store.reserve_send(
        PHONE, idempotency_key=late, hash_parameters=HASH_PARAMETERS, policy=no_cooldown
    )

    store.cancel(PHONE)

    assert not store.commit_send(
        PHONE,
        idempotency_key=late,
        code_hash=CODE_HASH,
        code_expires_at=in_ten_minutes(redis),
    )
    assert not redis.exists(keys.for_phone(PHONE).verification)


def test_uncommitted_send_cannot_be_canceled(store, policy, redis):
    send_key = new_key()
    store.reserve_send(
        PHONE, idempotency_key=send_key, hash_parameters=HASH_PARAMETERS, policy=policy
    )

    assert not store.cancel(PHONE)
    assert store.commit_send(
        PHONE,
        idempotency_key=send_key,
        code_hash=CODE_HASH,
        code_expires_at=in_ten_minutes(redis),
    )


def test_verification_with_expired_codes_cannot_be_canceled(store, no_cooldown, redis):
    # The reserved send keeps the verification itself.
    send_key = new_key()
    store.reserve_send(
        PHONE,
        idempotency_key=new_key(),
        hash_parameters=HASH_PARAMETERS,
        policy=no_cooldown,
    )
    store.reserve_send(
        PHONE,
        idempotency_key=send_key,
        hash_parameters=HASH_PARAMETERS,
        policy=no_cooldown,
    )
    now = in_ten_minutes(redis) - 600_000
    store.commit_send(
        PHONE, idempotency_key=send_key, code_hash=CODE_HASH, code_expires_at=now
    )

    assert not store.cancel(PHONE)


def test_repeated_cancellation_changes_nothing(store, policy, redis):
    add_code(store, policy)
    store.cancel(PHONE)

    assert not store.cancel(PHONE)
    assert redis.keys("*") == [keys.for_phone(PHONE).sends.encode()]


def test_reserved_check_is_not_approved_after_cancellation(store, policy):
    add_code(store, policy)
    check_key = new_key()
    reserved = store.reserve_check(PHONE, idempotency_key=check_key, policy=policy)
    store.cancel(PHONE)

    assert not store.approve(
        PHONE,
        idempotency_key=check_key,
        verification_id=reserved.hash_parameters.verification_id,
    )


def test_reserved_send_extends_expiry_of_verification(store, no_cooldown, redis):
    add_code(store, no_cooldown)
    redis.pexpire(keys.for_phone(PHONE).verification, 20)

    store.reserve_send(
        PHONE,
        idempotency_key=new_key(),
        hash_parameters=HASH_PARAMETERS,
        policy=no_cooldown,
    )

    assert redis.pttl(keys.for_phone(PHONE).verification) > 590_000


def test_shorter_ttl_of_resend_keeps_expiry_of_earlier_code(store, no_cooldown, redis):
    add_code(store, no_cooldown)

    add_code(store, replace(no_cooldown, ttl=timedelta(minutes=1)))

    assert redis.pttl(keys.for_phone(PHONE).verification) > 590_000


def test_released_send_leaves_no_key(store, policy, redis):
    send_key = add_code(store, policy)

    store.release_send(PHONE, idempotency_key=send_key)

    assert redis.dbsize() == 0


def test_released_resend_leaves_first_code_and_its_expiry(store, no_cooldown, redis):
    add_code(store, replace(no_cooldown, ttl=timedelta(minutes=1)), b"1" * 32)
    second = add_code(store, no_cooldown, b"2" * 32)
    assert redis.pttl(keys.for_phone(PHONE).verification) > 60_000

    store.release_send(PHONE, idempotency_key=second)

    assert redis.pttl(keys.for_phone(PHONE).verification) <= 60_000
    assert store.reserve_check(
        PHONE, idempotency_key=new_key(), policy=no_cooldown
    ).code_hashes == (b"1" * 32,)
    assert redis.zcard(keys.for_phone(PHONE).sends) == 1


def test_repeated_release_of_send_releases_one_send(store, no_cooldown, redis):
    first, second = add_code(store, no_cooldown), add_code(store, no_cooldown)
    store.release_send(PHONE, idempotency_key=second)

    store.release_send(PHONE, idempotency_key=second)

    assert redis.zrange(keys.for_phone(PHONE).sends, 0, -1) == [first]


def test_repeated_release_of_check_restores_one_attempt(store, policy, redis):
    add_code(store, policy)
    counted, released = new_key(), new_key()
    store.reserve_check(PHONE, idempotency_key=counted, policy=policy)
    store.reserve_check(PHONE, idempotency_key=released, policy=policy)

    store.release_check(PHONE, idempotency_key=released)
    store.release_check(PHONE, idempotency_key=released)

    assert redis.hget(keys.for_phone(PHONE).verification, "checks") == counted
    assert redis.zrange(keys.for_phone(PHONE).failed_checks, 0, -1) == [counted]


def test_refusal_without_attempts_has_expiry_as_retry_after(store, policy):
    single_check = replace(policy, max_checks=1)
    add_code(store, single_check)
    store.reserve_check(PHONE, idempotency_key=new_key(), policy=single_check)

    with pytest.raises(TooManyAttempts) as raised:
        store.reserve_check(PHONE, idempotency_key=new_key(), policy=single_check)

    assert timedelta(minutes=9) < raised.value.retry_after <= timedelta(minutes=10)


def test_refusal_has_longest_wait_as_retry_after(store, policy):
    strict = replace(policy, max_checks=1, failed_checks_per_phone=Limit.parse("1/1h"))
    add_code(store, strict)
    store.reserve_check(PHONE, idempotency_key=new_key(), policy=strict)

    with pytest.raises(TooManyAttempts) as raised:
        store.reserve_check(PHONE, idempotency_key=new_key(), policy=strict)

    assert raised.value.retry_after > timedelta(minutes=59)


@pytest.mark.parametrize(
    ("changes", "least", "most"),
    [
        ({}, timedelta(), timedelta()),
        ({"max_checks": 1}, timedelta(minutes=9), timedelta(minutes=10)),
        (
            {"failed_checks_per_phone": Limit.parse("1/1h")},
            timedelta(minutes=59),
            timedelta(hours=1),
        ),
        (
            {"max_checks": 1, "failed_checks_per_phone": Limit.parse("1/1m")},
            timedelta(minutes=9),
            timedelta(minutes=10),
        ),
        (
            {"max_checks": 1, "max_consecutive_failures": 1},
            timedelta(days=29),
            timedelta(days=30),
        ),
    ],
)
def test_last_attempt_has_longest_wait_as_retry_after(
    store, policy, changes, least, most
):
    strict = replace(policy, **changes)
    add_code(store, strict)

    reserved = store.reserve_check(PHONE, idempotency_key=new_key(), policy=strict)

    assert least <= reserved.retry_after <= most
    assert (reserved.attempts_remaining == 0) == bool(changes)


def test_repeated_last_attempt_has_same_wait(store, policy):
    strict, check_key = replace(policy, max_checks=1), new_key()
    add_code(store, strict)
    first = store.reserve_check(PHONE, idempotency_key=check_key, policy=strict)

    again = store.reserve_check(PHONE, idempotency_key=check_key, policy=strict)

    assert first.retry_after - again.retry_after < timedelta(minutes=1)
    assert again.retry_after > timedelta(minutes=9)


def test_check_returns_expiry_of_codes_despite_reserved_send(store, no_cooldown, redis):
    add_code(store, replace(no_cooldown, ttl=timedelta(minutes=1)))
    store.reserve_send(
        PHONE,
        idempotency_key=new_key(),
        hash_parameters=HASH_PARAMETERS,
        policy=no_cooldown,
    )

    reserved = store.reserve_check(PHONE, idempotency_key=new_key(), policy=no_cooldown)

    assert reserved.expires_in <= timedelta(minutes=1)


def test_refused_check_uses_no_attempt(store, policy, redis):
    strict = replace(policy, failed_checks_per_phone=Limit.parse("1/1h"))
    add_code(store, strict)
    store.reserve_check(PHONE, idempotency_key=new_key(), policy=strict)

    with pytest.raises(RateLimited):
        store.reserve_check(PHONE, idempotency_key=new_key(), policy=strict)

    assert redis.zcard(keys.for_phone(PHONE).failed_checks) == 1
    assert len(redis.hget(keys.for_phone(PHONE).verification, "checks")) == 8


def test_every_key_has_an_expiry_after_every_step(store, no_cooldown, redis):
    def all_expire():
        return all(redis.pttl(key) > 0 for key in redis.keys("*"))

    send_key, check_key = new_key(), new_key()
    store.reserve_send(
        PHONE,
        idempotency_key=send_key,
        hash_parameters=HASH_PARAMETERS,
        policy=no_cooldown,
    )
    assert all_expire()
    store.commit_send(
        PHONE,
        idempotency_key=send_key,
        code_hash=CODE_HASH,
        code_expires_at=in_ten_minutes(redis),
    )
    assert all_expire()
    store.release_send(PHONE, idempotency_key=add_code(store, no_cooldown))
    assert all_expire()
    store.reserve_check(PHONE, idempotency_key=check_key, policy=no_cooldown)
    assert all_expire()
    store.release_check(PHONE, idempotency_key=check_key)
    assert all_expire()
    store.reserve_check(PHONE, idempotency_key=check_key, policy=no_cooldown)
    store.approve(
        PHONE,
        idempotency_key=check_key,
        verification_id=HASH_PARAMETERS.verification_id,
    )
    assert all_expire()
    names = keys.for_phone(PHONE)
    remaining = {names.sends, names.approval, names.proven}
    assert {key.decode() for key in redis.keys("*")} == remaining


def test_redis_stores_verification_in_compact_encoding(real_redis, policy):
    # One field over 64 bytes changes the encoding, which takes about three times
    # the memory.
    store = RedisStore(real_redis)
    no_cooldown = replace(policy, resend_cooldown=timedelta())
    for _ in range(5):
        add_code(store, no_cooldown)
    for _ in range(5):
        store.reserve_check(PHONE, idempotency_key=new_key(), policy=no_cooldown)

    for key in (
        keys.for_phone(PHONE).verification,
        keys.for_phone(PHONE).sends,
        keys.for_phone(PHONE).failed_checks,
    ):
        # Redis 6.2 has ziplists, which Redis 7 replaced by listpacks.
        assert real_redis.object("ENCODING", key) in {b"listpack", b"ziplist"}
