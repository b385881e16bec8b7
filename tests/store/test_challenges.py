"""The store of challenges, on both stores."""

from __future__ import annotations

from datetime import timedelta

import pytest

from otp_engine.domain.factors.challenge_models import ChallengeStatus
from otp_engine.domain.factors.ports import EntityKey
from otp_engine.errors import (
    ChallengeAlreadyApproved,
    ChallengeExpired,
    ChallengeNotFound,
    EntityNotFound,
    FactorNotFound,
    FactorUnverified,
    RateLimited,
)
from tests.support.time_travel import age

ALICE = EntityKey("alice", f"VA{'1' * 32}")
# Ids are random bytes, so they contain the separator of field names.
ENTITY, OTHER_ENTITY = b"E" * 16, b"O" * 16
FACTOR, OTHER_FACTOR = b":" * 16, b"\x00\xff:S" * 4
CHALLENGE = b"C" * 16
LIFETIME = timedelta(minutes=5)


def id_of(number, size=16):
    return number.to_bytes(size, "big")


@pytest.fixture
def challenges(store):
    return store.challenges


@pytest.fixture
def put_factor(store):
    """Return a function that adds a factor, verified unless the test needs another."""

    def put(factor_id=FACTOR, *, entity_id=ENTITY, is_verified=True):
        store.factors.put_factor(
            ALICE,
            entity_id=entity_id,
            entity_record=b"entity record",
            factor_id=factor_id,
            record=b"factor record",
        )
        if is_verified:
            store.factors.accept_step(
                ALICE,
                factor_id,
                idempotency_key=b"verified",
                step=1,
                activates=True,
                is_authenticator=False,
            )

    return put


@pytest.fixture
def create(challenges):
    """Return a function that creates a challenge."""

    def create(id=CHALLENGE, factor_id=FACTOR, **options):
        return challenges.create_challenge(
            ALICE, id=id, factor_id=factor_id, record=b"record", **options
        )

    return create


@pytest.fixture
def reserve(challenges):
    """Return a function that reserves a check."""

    def reserve(number=1, id=CHALLENGE):
        return challenges.reserve_challenge_check(
            ALICE, id, idempotency_key=id_of(number, 8)
        )

    return reserve


@pytest.fixture
def approve(challenges):
    """Return a function that approves a challenge for a check."""

    def approve(number=1, id=CHALLENGE):
        return challenges.approve_challenge(ALICE, id, idempotency_key=id_of(number, 8))

    return approve


@pytest.fixture
def pending(put_factor, create):
    """Create a pending challenge of a verified factor."""
    put_factor()
    return create()


def test_new_challenge_is_pending_for_five_minutes(pending):
    assert pending.status is ChallengeStatus.PENDING
    assert (pending.id, pending.entity_id, pending.factor_id, pending.record) == (
        *(CHALLENGE, ENTITY, FACTOR),
        b"record",
    )
    assert pending.expires_at == pending.created_at + LIFETIME
    assert pending.updated_at == pending.created_at
    assert pending.responded_at is None


def test_stored_challenge_is_the_created_one(challenges, pending):
    assert challenges.get_challenge(ALICE, CHALLENGE) == pending


def test_repeated_creation_returns_the_same_challenge(challenges, pending, create):
    again = create()

    assert again == pending
    assert challenges.list_challenges(ALICE) == [pending]


def test_client_chooses_when_the_challenge_expires(pending, create):
    expires_at = pending.created_at + timedelta(minutes=30)

    challenge = create(id_of(2), expires_at=expires_at)

    assert challenge.expires_at == expires_at


def test_challenge_expires_within_an_hour(pending, create):
    challenge = create(id_of(2), expires_at=pending.created_at + timedelta(minutes=61))

    assert challenge.expires_at == challenge.created_at + timedelta(hours=1)


def test_challenge_is_stored_for_a_day_after_it_expires(pending, redis):
    ttl = redis.pttl(f"otp:{{alice}}:challenge:{CHALLENGE.hex()}")

    expected = (LIFETIME + timedelta(days=1)) / timedelta(milliseconds=1)
    assert expected - 10_000 < ttl <= expected


def test_every_key_of_a_challenge_expires(pending, reserve, approve, redis):
    reserve()
    approve()

    keys = redis.keys("otp:{alice}:challenge*")
    assert len(keys) == 3
    assert all(redis.pttl(key) > 0 for key in keys)


def test_index_lives_as_long_as_its_last_challenge(pending, create, redis):
    create(id_of(2), expires_at=pending.created_at + timedelta(hours=1))
    create(id_of(3))

    expected = timedelta(hours=25) / timedelta(milliseconds=1)
    assert expected - 10_000 < redis.pttl("otp:{alice}:challenges") <= expected


def test_challenge_of_an_unknown_entity_is_refused(create):
    with pytest.raises(EntityNotFound):
        create()


def test_challenge_of_an_unknown_factor_is_refused(put_factor, create):
    put_factor()

    with pytest.raises(FactorNotFound):
        create(factor_id=OTHER_FACTOR)


def test_challenge_of_an_unverified_factor_is_refused(put_factor, create, challenges):
    put_factor(is_verified=False)

    with pytest.raises(FactorUnverified):
        create()
    assert challenges.list_challenges(ALICE) == []


def test_fifty_first_challenge_in_an_hour_is_refused(put_factor, create, challenges):
    put_factor()
    for number in range(50):
        create(id_of(number))

    with pytest.raises(RateLimited) as raised:
        create(id_of(50))

    assert raised.value.limit == "challenges_per_factor"
    assert timedelta(minutes=59) < raised.value.retry_after <= timedelta(hours=1)
    assert len(challenges.list_challenges(ALICE)) == 50


def test_refused_creation_can_be_repeated_once_an_hour_has_passed(
    put_factor, create, redis
):
    put_factor()
    for number in range(50):
        create(id_of(number))
    age(redis, timedelta(hours=1, seconds=1))

    assert create(id_of(50)).status is ChallengeStatus.PENDING


def test_hundred_first_challenge_in_a_day_is_refused(put_factor, create, redis):
    put_factor()
    for number in range(100):
        create(id_of(number))
        if number == 49:
            age(redis, timedelta(hours=2))
    age(redis, timedelta(hours=2))

    with pytest.raises(RateLimited) as raised:
        create(id_of(100))

    assert timedelta(hours=19) < raised.value.retry_after < timedelta(hours=20)


def test_challenges_of_one_factor_do_not_limit_another(put_factor, create):
    put_factor()
    put_factor(OTHER_FACTOR)
    for number in range(50):
        create(id_of(number))

    assert create(id_of(50), OTHER_FACTOR).factor_id == OTHER_FACTOR


def test_challenges_are_listed_oldest_first(put_factor, create, challenges):
    put_factor()
    put_factor(OTHER_FACTOR)
    created = [create(id_of(1), OTHER_FACTOR), create(id_of(0))]

    listed = challenges.list_challenges(ALICE)

    assert listed == sorted(created, key=lambda each: (each.created_at, each.id))


def test_list_leaves_out_deleted_challenges(pending, challenges, redis):
    redis.delete(f"otp:{{alice}}:challenge:{CHALLENGE.hex()}")

    assert challenges.list_challenges(ALICE) == []


def test_unknown_challenge_is_none(put_factor, challenges):
    put_factor()

    assert challenges.get_challenge(ALICE, CHALLENGE) is None


def test_reserved_check_returns_the_challenge(pending, reserve):
    assert reserve() == pending


def test_sixth_check_is_refused(pending, reserve):
    for number in range(5):
        reserve(number)

    with pytest.raises(RateLimited) as raised:
        reserve(5)

    assert raised.value.limit == "max_challenge_checks"
    # A new challenge is possible at once.
    assert raised.value.retry_after == timedelta()


def test_repeated_check_is_counted_once(pending, reserve):
    for _ in range(10):
        reserve(1)
    for number in range(2, 6):
        reserve(number)

    with pytest.raises(RateLimited):
        reserve(6)
    assert reserve(1) == pending


def test_check_of_the_creation_is_counted(put_factor, create, reserve, approve):
    put_factor()
    create(idempotency_key=id_of(1, 8))
    for number in range(2, 6):
        reserve(number)

    with pytest.raises(RateLimited):
        reserve(6)
    assert approve(1).status is ChallengeStatus.APPROVED


def test_check_of_an_unknown_challenge_is_refused(put_factor, reserve):
    put_factor()

    with pytest.raises(ChallengeNotFound):
        reserve()


def test_check_of_an_expired_challenge_is_refused(pending, reserve, challenges, redis):
    age(redis, LIFETIME)

    with pytest.raises(ChallengeExpired):
        reserve()
    expired = challenges.get_challenge(ALICE, CHALLENGE)
    assert expired.status is ChallengeStatus.EXPIRED


def test_check_of_an_approved_challenge_is_refused(pending, reserve, approve):
    reserve()
    approve()

    with pytest.raises(ChallengeAlreadyApproved):
        reserve(2)


def test_approved_challenge_stays_approved_after_its_end(
    pending, reserve, approve, challenges, redis
):
    reserve()
    approve()
    age(redis, LIFETIME)

    with pytest.raises(ChallengeAlreadyApproved):
        reserve(2)
    approved = challenges.get_challenge(ALICE, CHALLENGE)
    assert approved.status is ChallengeStatus.APPROVED


def test_reserved_check_approves_the_challenge(pending, reserve, approve, challenges):
    reserve()

    approved = approve()

    assert approved.status is ChallengeStatus.APPROVED
    assert approved.responded_at == approved.updated_at
    assert approved.responded_at >= pending.created_at
    assert challenges.get_challenge(ALICE, CHALLENGE) == approved


def test_repeated_approval_returns_the_same(pending, reserve, approve):
    reserve()

    assert approve() == approve()


def test_second_check_does_not_approve_again(pending, reserve, approve):
    reserve(1)
    reserve(2)
    approve(1)

    assert approve(2) is None


def test_check_that_is_not_reserved_does_not_approve(pending, approve, challenges):
    assert approve() is None
    challenge = challenges.get_challenge(ALICE, CHALLENGE)
    assert challenge.status is ChallengeStatus.PENDING


def test_check_that_was_reserved_in_time_approves_after_the_end(
    pending, reserve, approve, redis
):
    reserve()
    age(redis, LIFETIME)

    assert approve().status is ChallengeStatus.APPROVED


def test_challenge_of_a_deleted_entity_is_gone(
    pending, put_factor, store, challenges, reserve, approve
):
    reserve()
    store.factors.delete_entity(ALICE)
    put_factor(entity_id=OTHER_ENTITY)

    assert challenges.get_challenge(ALICE, CHALLENGE) is None
    assert challenges.list_challenges(ALICE) == []
    assert approve() is None
    with pytest.raises(ChallengeNotFound):
        reserve(2)


def test_deleted_entity_leaves_no_challenge(pending, create, store, redis):
    for number in range(120):
        redis.zadd("otp:{alice}:challenges", {id_of(number): 4e12})
    create(id_of(200))

    store.factors.delete_entity(ALICE)

    assert redis.keys("otp:{alice}:*") == []
