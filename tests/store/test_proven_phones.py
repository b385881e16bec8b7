"""Proven phones, and the messages of a verification that the guard has counted."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import timedelta

import pytest

from otp_engine.domain.models import HashParameters
from otp_engine.domain.phones.phone_keys import PhoneKey
from otp_engine.store import keys
from tests.support import time_travel

PHONE = PhoneKey("digest")
PARAMETERS = HashParameters(b"i" * 16, "argon2")
DAYS_90 = timedelta(days=90) // timedelta(milliseconds=1)


@pytest.fixture
def policy(policy):
    return replace(policy, max_sends=20)


@pytest.fixture
def reserve(store, policy):
    """Return a function that reserves a send, and returns whether it is proven."""

    def reserve(key=None, phone=PHONE):
        reservation = store.reserve_send(
            phone,
            idempotency_key=key or secrets.token_bytes(8),
            hash_parameters=PARAMETERS,
            policy=policy,
        )
        return reservation.proven

    return reserve


@pytest.fixture
def send(store, policy):
    """Return a function that reserves and commits a send."""

    def send(*, counted=True):
        key = secrets.token_bytes(8)
        reservation = store.reserve_send(
            PHONE, idempotency_key=key, hash_parameters=PARAMETERS, policy=policy
        )
        store.commit_send(
            PHONE,
            idempotency_key=key,
            code_hash=bytes(32),
            code_expires_at=reservation.code_expires_at,
            counted=counted,
        )
        return key

    return send


@pytest.fixture
def approve(store):
    def approve(key=None, **options):
        return store.approve(
            PHONE,
            idempotency_key=key or secrets.token_bytes(8),
            verification_id=PARAMETERS.verification_id,
            **options,
        )

    return approve


def test_phone_without_approval_is_not_proven(reserve):
    assert not reserve()


def test_approved_phone_is_proven_for_three_messages(send, approve, reserve):
    send()
    approve()

    assert [reserve() for _ in range(5)] == [True] * 3 + [False] * 2


def test_approval_without_a_code_proves_the_phone(send, approve, reserve):
    send()
    approve(code_matched=False)

    assert reserve()


def test_proven_phone_is_proven_in_every_service(send, approve, reserve):
    send()
    approve()

    assert reserve(phone=PhoneKey("digest", "VA1"))


def test_proven_phone_is_proven_for_ninety_days(send, approve, redis):
    send()
    approve()

    ttl = redis.pttl(keys.for_phone(PHONE).proven)

    assert DAYS_90 - 60_000 < ttl <= DAYS_90


def test_phone_is_not_proven_after_ninety_days(send, approve, reserve, redis):
    send()
    approve()

    time_travel.age(redis, timedelta(days=90, seconds=1))

    assert not reserve()


def test_use_of_a_proven_phone_keeps_its_expiry(send, approve, reserve, redis):
    send()
    approve()
    reserve()

    assert redis.pttl(keys.for_phone(PHONE).proven) > DAYS_90 - 60_000


def test_new_approval_renews_the_messages_of_a_proven_phone(send, approve, reserve):
    send()
    approve()
    for _ in range(3):
        send()
    approve()

    assert [reserve() for _ in range(4)] == [True] * 3 + [False]


def test_repeated_send_uses_one_message_of_a_proven_phone(send, approve, reserve):
    send()
    approve()

    assert [reserve(b"repeated") for _ in range(5)] == [True] * 5
    assert [reserve() for _ in range(3)] == [True, True, False]


def test_repeated_send_of_an_unproven_phone_stays_unproven(send, approve, reserve):
    send()
    approve()
    for _ in range(3):
        reserve()

    assert [reserve(b"repeated") for _ in range(2)] == [False, False]


def test_released_send_returns_the_message_once(store, send, approve, reserve):
    send()
    approve()
    reserve(b"released")
    for _ in range(2):
        store.release_send(PHONE, idempotency_key=b"released")

    assert [reserve() for _ in range(4)] == [True] * 3 + [False]


def test_released_send_of_an_unproven_phone_returns_none(
    store, send, approve, reserve, redis
):
    reserve(b"released")
    store.release_send(PHONE, idempotency_key=b"released")

    assert not redis.exists(keys.for_phone(PHONE).proven)


def test_release_after_the_phone_was_proven_stores_no_key(
    store, send, approve, reserve, redis
):
    send()
    approve()
    reserve(b"released")
    redis.delete(keys.for_phone(PHONE).proven)

    store.release_send(PHONE, idempotency_key=b"released")

    assert not redis.exists(keys.for_phone(PHONE).proven)


def test_approval_can_leave_the_phone_unproven(send, approve, reserve):
    send()
    approve(mark_proven=False)

    assert not reserve()


def test_approval_returns_the_messages_that_the_guard_counted(store, send, approve):
    for counted in (True, False, True):
        send(counted=counted)
    store.release_send(PHONE, idempotency_key=send(counted=True))

    assert approve().counted_messages == 2


def test_reserved_send_is_no_message_of_an_approval(send, approve, reserve):
    send()
    reserve()

    assert approve().counted_messages == 1


def test_repeated_approval_returns_the_same_messages(send, approve):
    for _ in range(4):
        send()

    results = [approve(b"approve1") for _ in range(3)]

    assert [approval.counted_messages for approval in results] == [4, 4, 4]


def test_deleted_phone_is_not_proven(store, send, approve, reserve):
    send()
    approve()

    store.limit_usage.delete_phone([PHONE])

    assert not reserve()
