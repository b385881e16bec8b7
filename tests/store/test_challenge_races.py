"""Simultaneous requests about challenges: many threads, on a real Redis."""

from __future__ import annotations

from functools import partial

import pytest

from otp_engine.domain.factors.challenge_models import ChallengeStatus
from otp_engine.domain.factors.ports import EntityKey
from otp_engine.errors import ChallengeAlreadyApproved, RateLimited
from otp_engine.store.redis_store import RedisStore
from tests.store.test_races import all_at_once

THREADS = 100
ALICE = EntityKey("alice", f"VA{'1' * 32}")
FACTOR, CHALLENGE = b"F" * 16, b"C" * 16


@pytest.fixture
def redis(real_redis):
    return real_redis


@pytest.fixture
def store(redis):
    return RedisStore(redis)


@pytest.fixture
def challenges(store):
    """Return the store of challenges; a factor is verified."""
    store.factors.put_factor(
        ALICE,
        entity_id=b"E" * 16,
        entity_record=b"entity record",
        factor_id=FACTOR,
        record=b"factor record",
    )
    accept(store, 0, step=1, activates=True)
    return store.challenges


def id_of(number, size=16):
    return number.to_bytes(size, "big")


def accept(store, check, *, step, activates=False):
    return store.factors.accept_step(
        ALICE,
        FACTOR,
        idempotency_key=id_of(check, 8),
        step=step,
        activates=activates,
        is_authenticator=False,
    )


def create(challenges, number):
    return challenges.create_challenge(
        ALICE, id=id_of(number), factor_id=FACTOR, record=b"record"
    )


def reserve(challenges, check, id=CHALLENGE):
    return challenges.reserve_challenge_check(
        ALICE, id, idempotency_key=id_of(check, 8)
    )


def test_hundred_checks_of_one_challenge_have_five_attempts(challenges):
    challenges.create_challenge(ALICE, id=CHALLENGE, factor_id=FACTOR, record=b"record")

    results = all_at_once(*[partial(reserve, challenges, n) for n in range(THREADS)])

    assert results.count(RateLimited) == THREADS - 5


def test_fifty_of_a_hundred_simultaneous_challenges_are_created(challenges):
    results = all_at_once(*[partial(create, challenges, n) for n in range(THREADS)])

    assert results.count(RateLimited) == THREADS - 50
    assert len(challenges.list_challenges(ALICE)) == 50


def test_hundred_approvals_of_one_challenge_close_it_once(challenges):
    challenges.create_challenge(ALICE, id=CHALLENGE, factor_id=FACTOR, record=b"record")
    for check in range(5):
        reserve(challenges, check)

    def approve(check):
        return challenges.approve_challenge(
            ALICE, CHALLENGE, idempotency_key=id_of(check % 5, 8)
        )

    results = all_at_once(*[partial(approve, n) for n in range(THREADS)])

    approved = [result for result in results if result is not None]
    # The same check can repeat its approval, and gets the same answer.
    assert len(approved) == THREADS // 5
    assert len(set(approved)) == 1


def test_one_code_approves_one_of_fifty_challenges(challenges, store):
    for number in range(1, 51):
        create(challenges, number)
        reserve(challenges, number, id_of(number))

    def check(number):
        if accept(store, number, step=2) is None:
            return None
        return challenges.approve_challenge(
            ALICE, id_of(number), idempotency_key=id_of(number, 8)
        )

    results = all_at_once(*[partial(check, n) for n in range(1, 51)])

    assert results.count(None) == 49
    statuses = [each.status for each in challenges.list_challenges(ALICE)]
    assert statuses.count(ChallengeStatus.APPROVED) == 1


def test_check_and_approval_at_once_leave_the_challenge_approved(challenges):
    for number in range(20):
        create(challenges, number)
        reserve(challenges, 0, id_of(number))

        results = all_at_once(
            partial(reserve, challenges, 1, id_of(number)),
            partial(
                challenges.approve_challenge,
                ALICE,
                id_of(number),
                idempotency_key=id_of(0, 8),
            ),
        )

        outcome = getattr(results[0], "status", results[0])
        assert outcome in {ChallengeAlreadyApproved, ChallengeStatus.PENDING}
        stored = challenges.get_challenge(ALICE, id_of(number))
        assert stored.status is ChallengeStatus.APPROVED
