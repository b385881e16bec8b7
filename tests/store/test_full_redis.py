"""A Redis without memory: authenticator apps can be checked and deleted, not added."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from otp_engine.domain.factors.ports import EntityKey
from otp_engine.errors import StoreUnavailable
from otp_engine.store import keys
from otp_engine.store.redis_store import RedisStore

ALICE = EntityKey("alice", "VA" + "1" * 32)
FIRST, SECOND, CHALLENGE = b"F" * 16, b"S" * 16, b"C" * 16
CODE_HASH = b"h" * 32


@pytest.fixture
def store(real_redis):
    """Return a store with an authenticator and a pending challenge of it."""
    store = RedisStore(real_redis)
    put(store, FIRST)
    accept(store, 100, b"activate", activates=True)
    store.challenges.create_challenge(
        ALICE, id=CHALLENGE, factor_id=FIRST, record=b"challenge"
    )
    return store


@contextmanager
def full(redis):
    """Leave Redis without memory in the block."""
    redis.config_set("maxmemory", "1")
    try:
        yield
    finally:
        redis.config_set("maxmemory", "0")


def put(store, factor_id):
    return store.factors.put_factor(
        ALICE,
        entity_id=b"E" * 16,
        entity_record=b"entity",
        factor_id=factor_id,
        record=b"factor",
        is_authenticator=True,
        recovery=b"parameters\n" + CODE_HASH,
    )


def accept(store, step, check, *, activates=False, factor_id=FIRST):
    return store.factors.accept_step(
        ALICE,
        factor_id,
        idempotency_key=check,
        step=step,
        activates=activates,
        is_authenticator=activates,
    )


def test_code_of_an_app_is_approved(store, real_redis, policy):
    with full(real_redis):
        store.factors.reserve_check(
            ALICE, None, idempotency_key=b"check 01", policy=policy, activates=False
        )
        approved = accept(store, 101, b"check 01")

    assert approved


def test_enrollment_is_activated_in_place_of_the_earlier_one(store, real_redis, policy):
    put(store, SECOND)

    with full(real_redis):
        store.factors.reserve_check(
            ALICE, None, idempotency_key=b"check 01", policy=policy, activates=True
        )
        accept(store, 101, b"check 01", activates=True, factor_id=SECOND)

    [factor] = store.factors.get_entity(ALICE).factors
    assert factor.id == SECOND
    assert factor.verified_at


def test_recovery_code_is_used(store, real_redis, policy):
    with full(real_redis):
        store.recovery_codes.reserve_recovery_check(
            ALICE, idempotency_key=b"check 01", policy=policy
        )
        use = store.recovery_codes.use_recovery_code(
            ALICE, FIRST, idempotency_key=b"check 01", code_hash=CODE_HASH
        )

    assert use.codes_left == 0


def test_challenge_is_closed(store, real_redis):
    with full(real_redis):
        store.challenges.reserve_challenge_check(
            ALICE, CHALLENGE, idempotency_key=b"check 01"
        )
        approved = store.challenges.approve_challenge(
            ALICE, CHALLENGE, idempotency_key=b"check 01"
        )

    assert approved.responded_at


def test_new_factor_is_refused_and_changes_nothing(store, real_redis):
    before = real_redis.hgetall(keys.entity(ALICE))

    with full(real_redis), pytest.raises(StoreUnavailable):
        put(store, SECOND)

    assert real_redis.hgetall(keys.entity(ALICE)) == before
    assert real_redis.zcard(keys.entities(ALICE.service)) == 1


def test_factor_is_deleted(store, real_redis):
    with full(real_redis):
        assert store.factors.delete_factor(ALICE, FIRST)

    assert store.factors.get_entity(ALICE).factors == ()


def test_entity_is_deleted_with_its_challenges(store, real_redis):
    with full(real_redis):
        assert store.factors.delete_entity(ALICE)

    assert real_redis.keys("*") == []
