"""The store of entities and factors, on both stores."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from otp_engine.domain.factors.ports import EntityKey
from otp_engine.domain.limits.limits import Limit
from otp_engine.errors import (
    DataKeyLost,
    EntityExists,
    FactorAlreadyVerified,
    FactorNotFound,
    FactorUnverified,
    RateLimited,
    StoreUnavailable,
    TooManyFactors,
    TooManyTries,
)
from otp_engine.store import keys
from otp_engine.store.challenges import RedisChallengeStore
from otp_engine.store.factors import RedisFactorStore
from otp_engine.store.redis_client import RedisClient

SERVICE = "VA" + "1" * 32
ALICE, BOB = EntityKey("alice", SERVICE), EntityKey("bob", SERVICE)
ENTITY, OTHER_ENTITY = b"E" * 16, b"O" * 16
# Ids are random bytes, so they contain the separator of field names.
FIRST, SECOND = b":" * 16, b"\x00\xff:S" * 4
WEEK = timedelta(days=7)


def id_of(number, size=16):
    return number.to_bytes(size, "big")


@pytest.fixture
def factors(store):
    return store.factors


@pytest.fixture
def put(factors):
    """Return a function that adds a factor to an entity."""

    def put(key=ALICE, factor_id=FIRST, **options):
        return factors.put_factor(
            key,
            entity_id=options.pop("entity_id", ENTITY),
            entity_record=b"entity record",
            factor_id=factor_id,
            record=b"factor record",
            **options,
        )

    return put


@pytest.fixture
def reserve(factors, policy):
    """Return a function that reserves a check."""
    checks = iter(range(1_000))

    def reserve(factor_id=FIRST, key=ALICE, *, policy=policy, **options):
        idempotency_key = options.pop("check", None) or id_of(next(checks), 8)
        return factors.reserve_check(
            key,
            factor_id,
            idempotency_key=idempotency_key,
            policy=policy,
            activates=options.pop("activates", False),
        )

    return reserve


@pytest.fixture
def accept(factors):
    """Return a function that accepts a time step."""

    def accept(step, factor_id=FIRST, key=ALICE, *, check=b"accepted", **options):
        return factors.accept_step(
            key,
            factor_id,
            idempotency_key=check,
            step=step,
            activates=options.pop("activates", False),
            is_authenticator=options.pop("is_authenticator", False),
        )

    return accept


def ttl(redis, key):
    return timedelta(milliseconds=redis.pttl(keys.entity(key)))


def test_created_entity_is_returned_and_listed(factors):
    created = factors.create_entity(ALICE, id=ENTITY, record=b"entity record")

    assert (created.id, created.record, created.factors) == (
        *(ENTITY, b"entity record"),
        (),
    )
    assert created.created_at == created.updated_at
    assert factors.get_entity(ALICE) == created
    assert list(factors.list_entities(SERVICE)) == [created]


def test_entity_that_exists_is_not_created_again(factors):
    created = factors.create_entity(ALICE, id=ENTITY, record=b"first")

    with pytest.raises(EntityExists):
        factors.create_entity(ALICE, id=OTHER_ENTITY, record=b"second")

    assert factors.get_entity(ALICE) == created
    assert list(factors.list_entities(SERVICE)) == [created]


def test_repeated_creation_of_an_entity_returns_it(factors):
    created = factors.create_entity(ALICE, id=ENTITY, record=b"entity record")

    assert factors.create_entity(ALICE, id=ENTITY, record=b"entity record") == created


def test_missing_entity_is_none(factors):
    assert factors.get_entity(ALICE) is None


def test_entities_are_listed_by_service(factors):
    factors.create_entity(ALICE, id=ENTITY, record=b"")
    other = factors.create_entity(
        EntityKey("alice2", "VA2"), id=OTHER_ENTITY, record=b""
    )

    assert list(factors.list_entities("VA2")) == [other]


def test_entities_of_several_pages_are_listed_newest_first_and_once(
    factors, redis, put
):
    count = 1_203
    for number in range(count):
        digest = f"entity{number}"
        redis.hset(
            keys.entity(EntityKey(digest, SERVICE)),
            mapping={
                "id": id_of(number),
                "record": b"",
                "created_at": 1,
                "updated_at": 1,
            },
        )
        # Hundreds have one time, as after an import.
        member = f"{digest}:{id_of(number).hex()}"
        redis.zadd(keys.entities(SERVICE), {member: 1_000 + number // 700})

    listed = [int.from_bytes(each.id, "big") for each in factors.list_entities(SERVICE)]

    assert sorted(listed) == list(range(count))
    assert {number // 700 for number in listed[: count - 700]} == {1}


def test_deleted_entity_is_gone_with_its_factors_and_logs(factors, put, redis):
    put()

    assert factors.delete_entity(ALICE) is True
    assert factors.get_entity(ALICE) is None
    assert list(factors.list_entities(SERVICE)) == []
    assert redis.keys("*") == []
    assert factors.delete_entity(ALICE) is False


def test_member_of_the_index_without_an_entity_is_deleted_after_a_day(factors, redis):
    redis.zadd(keys.entities(SERVICE), {f"gone:{ENTITY.hex()}": 1_000})
    factors.create_entity(ALICE, id=ENTITY, record=b"")
    redis.delete(keys.entity(ALICE))

    assert list(factors.list_entities(SERVICE)) == []
    assert redis.zrange(keys.entities(SERVICE), 0, -1) == [
        f"alice:{ENTITY.hex()}".encode()
    ]


def test_entity_is_not_created_before_the_replicas_have_it_in_the_index(
    real_redis,
):
    client = RedisClient(real_redis)
    without_replica = RedisFactorStore(client, RedisChallengeStore(client), replicas=1)

    with pytest.raises(StoreUnavailable):
        without_replica.create_entity(ALICE, id=ENTITY, record=b"")

    assert real_redis.keys("*") == [keys.entities(SERVICE).encode()]


def test_entity_is_listed_while_members_of_the_same_time_are_removed(factors, redis):
    factors.create_entity(ALICE, id=ENTITY, record=b"")
    members = {f"gone{number:04}:{ENTITY.hex()}": 1_000 for number in range(700)}
    redis.zadd(keys.entities(SERVICE), members | {f"alice:{ENTITY.hex()}": 1_000})

    listed = list(factors.list_entities(SERVICE))

    assert [entity.id for entity in listed] == [ENTITY]
    assert redis.zcard(keys.entities(SERVICE)) == 1


def test_first_factor_creates_its_entity(factors, put):
    entity = put(recovery=b"m=8,t=1,p=1\n" + b"h" * 64)

    [factor] = entity.factors
    assert (entity.id, entity.record) == (ENTITY, b"entity record")
    assert (factor.id, factor.record) == (FIRST, b"factor record")
    assert (factor.verified_at, factor.step) == (None, 0)
    assert factor.recovery_codes_left == 2
    assert list(factors.list_entities(SERVICE)) == [entity]


def test_later_factor_keeps_the_entity(factors, put):
    put()

    entity = put(factor_id=SECOND, entity_id=OTHER_ENTITY)

    assert entity.id == ENTITY
    assert {factor.id for factor in entity.factors} == {FIRST, SECOND}
    assert list(factors.list_entities(SERVICE)) == [entity]


def test_repeated_factor_is_stored_once(put):
    put()

    assert len(put().factors) == 1


def test_entity_without_a_verified_factor_expires_after_a_week(put, accept, redis):
    put()
    unverified = ttl(redis, ALICE)
    accept(100, activates=True)

    assert WEEK - timedelta(minutes=1) < unverified <= WEEK
    assert redis.pttl(keys.entity(ALICE)) == -1


def test_entity_of_a_client_does_not_expire(factors, put, redis):
    factors.create_entity(ALICE, id=ENTITY, record=b"")
    put()

    assert redis.pttl(keys.entity(ALICE)) == -1


def test_factor_after_100_is_refused_and_stores_nothing(factors, put):
    for number in range(100):
        put(factor_id=id_of(number))

    with pytest.raises(TooManyFactors):
        put(factor_id=SECOND)

    assert len(factors.get_entity(ALICE).factors) == 100


def test_new_factor_deletes_unverified_ones_of_more_than_a_week(
    factors, put, accept, redis
):
    put(recovery=b"m=8,t=1,p=1\n" + b"h" * 32)
    accept(100, activates=True)
    for number in range(99):
        put(factor_id=id_of(number))
    now = factors.get_entity(ALICE).updated_at
    ages = [WEEK + timedelta(minutes=1)] * 97 + [WEEK - timedelta(minutes=1)] * 2
    for number, age in enumerate(ages):
        name = id_of(number) + b":created_at"
        redis.hset(keys.entity(ALICE), name, int((now - age).timestamp() * 1_000))
    redis.hset(keys.entity(ALICE), FIRST + b":created_at", 1)
    redis.delete(keys.created_factors(ALICE))

    entity = put(factor_id=SECOND)

    ids = {factor.id for factor in entity.factors}
    assert ids == {FIRST, id_of(97), id_of(98), SECOND}
    assert entity.factors[0].recovery_codes_left == 1
    fields = redis.hkeys(keys.entity(ALICE))
    assert not any(field.startswith(id_of(0)) for field in fields)


def test_refused_factor_deletes_nothing(factors, put, redis):
    for number in range(100):
        put(factor_id=id_of(number))
    for number in range(100):
        redis.hset(keys.entity(ALICE), id_of(number) + b":created_at", 1)

    with pytest.raises(RateLimited):
        put(factor_id=SECOND)

    assert len(factors.get_entity(ALICE).factors) == 100


def test_new_factors_of_a_day_are_limited(factors, put):
    for number in range(100):
        put(factor_id=id_of(number))
        factors.delete_factor(ALICE, id_of(number))

    with pytest.raises(RateLimited) as raised:
        put(factor_id=SECOND)

    assert raised.value.limit == "factors_per_entity"
    assert timedelta(hours=23) < raised.value.retry_after <= timedelta(hours=24)


def test_factor_that_was_compared_with_all_others_is_stored(put):
    put()

    entity = put(factor_id=SECOND, compared=[FIRST])

    assert {factor.id for factor in entity.factors} == {FIRST, SECOND}


@pytest.mark.parametrize("compared", [[], [b"\xff" * 16]])
def test_factor_that_was_not_compared_with_another_is_not_stored(
    factors, put, compared
):
    put()

    result = put(factor_id=SECOND, entity_id=OTHER_ENTITY, compared=compared)

    assert result is None
    [entity] = factors.list_entities(SERVICE)
    assert [factor.id for factor in entity.factors] == [FIRST]


def test_later_enrollment_replaces_one_that_was_not_activated(put):
    put(is_authenticator=True)

    entity = put(factor_id=SECOND, is_authenticator=True)

    assert [factor.id for factor in entity.factors] == [SECOND]
    assert entity.enrolling == SECOND


def test_record_is_replaced_while_it_is_the_expected_one(factors, put):
    put()

    assert factors.replace_factor(ALICE, FIRST, old=b"factor record", new=b"new")
    assert factors.replace_factor(ALICE, FIRST, old=b"factor record", new=b"new")
    assert not factors.replace_factor(ALICE, FIRST, old=b"factor record", new=b"other")
    assert not factors.replace_factor(ALICE, SECOND, old=b"factor record", new=b"new")
    assert [each.record for each in factors.get_entity(ALICE).factors] == [b"new"]


def test_deleted_factor_leaves_the_others(factors, put, accept):
    put(is_authenticator=True)
    accept(100, activates=True, is_authenticator=True)
    put(factor_id=SECOND)

    assert factors.delete_factor(ALICE, FIRST) is True
    assert factors.delete_factor(ALICE, FIRST) is False
    entity = factors.get_entity(ALICE)
    assert [factor.id for factor in entity.factors] == [SECOND]
    assert entity.authenticator is None


def test_check_of_a_missing_factor_is_not_found(put, reserve):
    with pytest.raises(FactorNotFound):
        reserve()
    put()
    with pytest.raises(FactorNotFound):
        reserve(SECOND, activates=True)


def test_check_of_an_unverified_factor_is_refused_unless_it_activates(put, reserve):
    put()

    with pytest.raises(FactorUnverified):
        reserve()
    assert reserve(activates=True).factor.id == FIRST


def test_activation_of_a_verified_factor_is_refused(put, accept, reserve):
    put()
    accept(100, activates=True)

    with pytest.raises(FactorAlreadyVerified):
        reserve(activates=True)


def test_unverified_factor_has_five_checks_in_all(put, reserve):
    put()

    left = [reserve(activates=True).attempts_remaining for _ in range(5)]

    assert left == [4, 3, 2, 1, 0]
    with pytest.raises(TooManyTries) as raised:
        reserve(activates=True)
    assert raised.value.limit == "max_factor_tries"


@pytest.fixture
def verified(put, accept):
    put()
    accept(100, activates=True)


def test_reservation_has_the_record_and_the_time_of_redis(verified, reserve, redis):
    seconds = redis.time()[0]

    reservation = reserve()

    assert reservation.factor.record == b"factor record"
    assert reservation.factor.step == 100
    assert reservation.entity_id == ENTITY
    assert abs(reservation.at.timestamp() - seconds) < 60


def test_check_counts_as_failed_until_a_step_is_accepted(
    factors, verified, reserve, accept, policy
):
    limited = replace(policy, failed_checks_per_factor=Limit.parse("3/1h"))

    left = [reserve(policy=limited).attempts_remaining for _ in range(3)]

    assert left == [2, 1, 0]
    with pytest.raises(RateLimited) as raised:
        reserve(policy=limited)
    assert raised.value.limit == "failed_checks_per_factor"
    assert timedelta(minutes=59) < raised.value.retry_after <= timedelta(hours=1)
    assert len(factors.get_entity(ALICE).factors[0].failed_at) == 3
    accept(101, check=b"check 01")
    assert reserve(policy=limited).attempts_remaining == 2


def test_reservation_of_the_last_attempt_has_the_wait(verified, reserve, policy):
    limited = replace(policy, failed_checks_per_factor=Limit.parse("1/1h"))

    wait = reserve(policy=limited).retry_after

    assert timedelta(minutes=59) < wait <= timedelta(hours=1)


def test_consecutive_failures_disable_a_factor(verified, reserve, policy):
    limited = replace(policy, max_consecutive_failures=2)
    reserve(policy=limited)
    reserve(policy=limited)

    with pytest.raises(RateLimited) as raised:
        reserve(policy=limited)

    assert raised.value.limit == "max_consecutive_failures"
    assert raised.value.retry_after > timedelta(days=29)


def test_failed_checks_that_no_window_contains_are_deleted(
    factors, verified, reserve, redis
):
    day = b"%013d" % 86_400_000
    name = FIRST + b":failures"
    redis.hset(
        keys.entity(ALICE), name, b"".join(b"check %02d" % n + day for n in range(90))
    )

    reserve()

    assert len(factors.get_entity(ALICE).factors[0].failed_at) == 1


def test_wait_is_that_of_the_window_after_the_clock_has_gone_back(
    verified, reserve, redis, policy
):
    seconds = redis.time()[0]
    # The first two were counted while the clock was 50 minutes ahead.
    ages = [-3_000, -3_000, 3_500, 3_400]
    failures = b"".join(
        b"check %02d%013d" % (number, (seconds - age) * 1_000)
        for number, age in enumerate(ages)
    )
    redis.hset(keys.entity(ALICE), FIRST + b":failures", failures)

    with pytest.raises(RateLimited) as raised:
        reserve(
            policy=replace(policy, failed_checks_per_factor=Limit.parse("2/1h")),
        )

    assert timedelta(minutes=109) < raised.value.retry_after <= timedelta(minutes=110)


def test_repeated_check_counts_once(factors, verified, reserve):
    first = reserve(check=b"repeated")

    again = reserve(check=b"repeated")

    assert again.attempts_remaining == first.attempts_remaining
    assert len(factors.get_entity(ALICE).factors[0].failed_at) == 1


def test_locked_factor_leaves_the_others_open(verified, put, reserve, accept, policy):
    limited = replace(policy, failed_checks_per_factor=Limit.parse("1/1h"))
    put(factor_id=SECOND)
    accept(100, SECOND, activates=True)
    put(BOB, entity_id=OTHER_ENTITY)
    accept(100, key=BOB, activates=True)
    reserve(policy=limited)

    with pytest.raises(RateLimited):
        reserve(policy=limited)
    assert reserve(SECOND, policy=limited).attempts_remaining == 0
    assert reserve(key=BOB, policy=limited).attempts_remaining == 0


def test_accepted_step_and_those_before_it_are_refused_later(verified, accept):
    assert accept(103, check=b"check 01")
    assert accept(103, check=b"check 02") is None
    assert accept(102, check=b"check 03") is None
    assert accept(104, check=b"check 04")


def test_repeated_acceptance_returns_the_same_time(verified, accept):
    at = accept(103, check=b"repeated")

    assert accept(103, check=b"repeated") == at


def test_acceptance_is_repeated_after_those_of_four_later_steps(verified, accept):
    at = accept(103, check=b"repeated")
    for step in range(104, 108):
        accept(step, check=id_of(step, 8))

    assert accept(103, check=b"repeated") == at


def test_step_of_a_deleted_factor_is_refused(factors, verified, accept):
    factors.delete_factor(ALICE, FIRST)

    assert accept(103, check=b"check 01") is None
    assert factors.get_entity(ALICE).factors == ()


def test_activation_verifies_a_factor(factors, put, accept):
    put()

    at = accept(100, activates=True)

    [factor] = factors.get_entity(ALICE).factors
    assert factor.verified_at == factor.updated_at == at
    assert factors.get_entity(ALICE).authenticator is None


def test_activated_authenticator_replaces_the_earlier_one(factors, put, accept):
    put(is_authenticator=True)
    accept(100, activates=True, is_authenticator=True)
    put(factor_id=SECOND, is_authenticator=True)
    before = {factor.id for factor in factors.get_entity(ALICE).factors}

    accept(100, SECOND, activates=True, is_authenticator=True)

    entity = factors.get_entity(ALICE)
    assert before == {FIRST, SECOND}
    assert [factor.id for factor in entity.factors] == [SECOND]
    assert (entity.authenticator, entity.enrolling) == (SECOND, None)


def test_enrollment_that_another_api_verified_is_not_replaced_by_the_next(put, accept):
    put(is_authenticator=True)
    accept(100, activates=True)

    entity = put(factor_id=SECOND, is_authenticator=True)

    assert {factor.id for factor in entity.factors} == {FIRST, SECOND}
    assert entity.enrolling == SECOND


def test_check_without_a_factor_uses_the_authenticator(put, accept, reserve):
    put(is_authenticator=True)
    accept(100, activates=True, is_authenticator=True)
    put(factor_id=SECOND)
    accept(100, SECOND, activates=True)

    assert reserve(None).factor.id == FIRST


def test_check_without_an_authenticator_uses_the_newest_verified_factor(
    put, accept, reserve, redis
):
    for number, factor_id in enumerate([SECOND, FIRST, b"3" * 16]):
        put(factor_id=factor_id)
        accept(100, factor_id, activates=True)
        verified_at = factor_id + b":verified_at"
        redis.hset(keys.entity(ALICE), verified_at, 1_700_000_000_000 + number)
    put(factor_id=b"4" * 16)

    assert reserve(None).factor.id == b"3" * 16


def test_check_without_a_factor_uses_a_verified_one_after_the_authenticator_is_gone(
    factors, put, accept, reserve
):
    put(is_authenticator=True)
    accept(100, activates=True, is_authenticator=True)
    put(factor_id=SECOND)
    accept(100, SECOND, activates=True)
    factors.delete_factor(ALICE, FIRST)

    assert reserve(None).factor.id == SECOND


def test_activation_without_a_factor_uses_the_one_being_enrolled(put, reserve):
    put(factor_id=SECOND)
    put(is_authenticator=True)

    assert reserve(None, activates=True).factor.id == FIRST


def test_enrollment_is_activated_within_a_week_of_redis(put, accept, reserve, redis):
    put()
    accept(100, activates=True)
    put(factor_id=SECOND, is_authenticator=True)
    created_at = (redis.time()[0] - 7 * 24 * 3600 - 1) * 1000
    redis.hset(keys.entity(ALICE), SECOND + b":created_at", created_at)

    with pytest.raises(FactorNotFound):
        reserve(None, activates=True)

    # The factor of another API stays, as does its check.
    assert reserve(None).factor.id == FIRST
    assert SECOND not in b"".join(redis.hkeys(keys.entity(ALICE)))
    assert redis.hget(keys.entity(ALICE), "enrolling") is None


def test_activation_without_an_enrollment_is_refused(put, accept, reserve):
    with pytest.raises(FactorNotFound):
        reserve(None, activates=True)
    put(is_authenticator=True)
    accept(100, activates=True, is_authenticator=True)
    with pytest.raises(FactorAlreadyVerified):
        reserve(None, activates=True)


def test_first_data_key_stays(store):
    assert store.data_key.get() is None
    assert store.data_key.add(b"first", b"1") == b"first"
    assert store.data_key.add(b"second", b"2") == b"first"
    assert store.data_key.get() == b"first"


def test_lost_data_key_is_noticed(store, redis):
    store.data_key.add(b"first", b"1")
    redis.delete(keys.DATA_KEY)

    with pytest.raises(DataKeyLost):
        store.data_key.get()


def test_lost_data_key_is_replaced_by_no_other(store, redis):
    store.data_key.add(b"first", b"1")
    redis.delete(keys.DATA_KEY)

    with pytest.raises(DataKeyLost):
        store.data_key.add(b"second", b"2")

    assert redis.get(keys.DATA_KEY) is None


def test_lost_data_key_is_stored_again(store, redis):
    store.data_key.add(b"first", b"1")
    redis.delete(keys.DATA_KEY)

    assert store.data_key.add(b"encrypted again", b"1") == b"encrypted again"
    assert store.data_key.get() == b"encrypted again"


def test_data_key_is_replaced_while_it_is_the_expected_one(store):
    store.data_key.add(b"first", b"1")

    assert store.data_key.replace(b"first", b"second") is True
    assert store.data_key.replace(b"first", b"second") is True
    assert store.data_key.replace(b"first", b"third") is False
    assert store.data_key.get() == b"second"


def test_data_key_is_not_replaced_without_one(store):
    assert store.data_key.replace(b"first", b"second") is False
    assert store.data_key.get() is None
