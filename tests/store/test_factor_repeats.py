"""Every step of factors, challenges and recovery codes can be repeated.

`RedisClient` executes a command again after its reply was lost. Here each command is
executed twice, and the second reply is used.
"""

from __future__ import annotations

import pytest

from otp_engine.domain.factors.ports import EntityKey, MergeOutcome
from otp_engine.store import keys
from otp_engine.store.challenges import RedisChallengeStore
from otp_engine.store.data_key import RedisDataKeyStore
from otp_engine.store.entity_archive import RedisEntityArchiveStore
from otp_engine.store.factors import RedisFactorStore
from otp_engine.store.recovery_codes import RedisRecoveryCodeStore
from otp_engine.store.redis_client import RedisClient

SERVICE = "VA" + "1" * 32
ALICE = EntityKey("alice", SERVICE)
ENTITY, FACTOR, CHALLENGE = b"E" * 16, b":" * 16, b"C" * 16
HASHES = [b"\n" * 32, b"\x00" * 32]
ARCHIVED = {
    b"id": ENTITY,
    b"record": b"entity",
    b"created_at": b"1000",
    b"updated_at": b"2000",
    FACTOR + b":record": b"factor",
    FACTOR + b":created_at": b"1000",
    FACTOR + b":updated_at": b"1000",
}


class RepeatingClient(RedisClient):
    """Executes each command twice, as after a lost reply."""

    def execute(self, command, key):
        super().execute(command, key)
        return super().execute(command, key)


@pytest.fixture
def client(redis):
    return RepeatingClient(redis)


@pytest.fixture
def factors(client):
    return RedisFactorStore(client, RedisChallengeStore(client))


@pytest.fixture
def active(factors):
    """Return the store of an authenticator with two recovery codes."""
    put(factors)
    assert accept(factors, 100, activates=True)
    return factors


def put(factors, factor_id=FACTOR):
    return factors.put_factor(
        ALICE,
        entity_id=ENTITY,
        entity_record=b"entity",
        factor_id=factor_id,
        record=b"factor",
        is_authenticator=True,
        recovery=b"parameters\n" + b"".join(HASHES),
    )


def accept(factors, step, *, check=b"check 00", activates=False):
    return factors.accept_step(
        ALICE,
        FACTOR,
        idempotency_key=check,
        step=step,
        activates=activates,
        is_authenticator=activates,
    )


def test_created_entity(factors):
    entity = factors.create_entity(ALICE, id=ENTITY, record=b"entity")

    assert list(factors.list_entities(SERVICE)) == [entity]


def test_new_factor(factors, redis):
    entity = put(factors)

    assert [factor.id for factor in entity.factors] == [FACTOR]
    assert redis.zcard(keys.created_factors(ALICE)) == 1


def test_reserved_and_accepted_check(active, policy):
    active.reserve_check(
        ALICE, None, idempotency_key=b"check 01", policy=policy, activates=False
    )
    counted = active.get_entity(ALICE).factors[0].failed_at

    assert accept(active, 101, check=b"check 01")
    assert len(counted) == 1
    assert active.get_entity(ALICE).factors[0].failed_at == ()


def test_used_recovery_code(active, client, policy):
    store = RedisRecoveryCodeStore(client)
    reservation = store.reserve_recovery_check(
        ALICE, idempotency_key=b"check 01", policy=policy
    )
    limit = policy.failed_checks_per_factor.windows[0].count

    use = store.use_recovery_code(
        ALICE, FACTOR, idempotency_key=b"check 01", code_hash=HASHES[0]
    )

    assert reservation.check.attempts_remaining == limit - 1
    assert use
    assert use.codes_left == 1


def test_changed_record(active):
    assert active.replace_factor(ALICE, FACTOR, old=b"factor", new=b"renamed")


def test_challenge_with_a_right_code(active, client):
    store = RedisChallengeStore(client)
    created = store.create_challenge(
        ALICE, id=CHALLENGE, factor_id=FACTOR, record=b"challenge"
    )
    reserved = store.reserve_challenge_check(
        ALICE, CHALLENGE, idempotency_key=b"check 01"
    )

    approved = store.approve_challenge(ALICE, CHALLENGE, idempotency_key=b"check 01")

    assert reserved == created
    assert approved
    assert approved.responded_at
    assert [each.id for each in store.list_challenges(ALICE)] == [CHALLENGE]


def test_deleted_factor(active):
    assert active.delete_factor(ALICE, FACTOR) is True
    assert active.delete_factor(ALICE, FACTOR) is False
    assert active.get_entity(ALICE).factors == ()


def test_deleted_entity(active, redis):
    assert active.delete_entity(ALICE) is True
    assert active.delete_entity(ALICE) is False
    assert redis.keys("*") == []


def test_import(client, redis):
    outcome = RedisEntityArchiveStore(client).merge(ALICE, ARCHIVED, expires=False)

    assert outcome in {MergeOutcome.CREATED, MergeOutcome.KEPT}
    assert redis.hgetall(keys.entity(ALICE)) == ARCHIVED
    [(_, created_at)] = redis.zrange(keys.entities(SERVICE), 0, -1, withscores=True)
    assert created_at == 1000


def test_new_and_replaced_data_key(client):
    store = RedisDataKeyStore(client)

    assert store.add(b"first", b"print") == b"first"
    assert store.replace(b"first", b"second") is True
    assert store.get() == b"second"
