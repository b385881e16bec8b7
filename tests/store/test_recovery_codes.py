"""The store of recovery codes, on both stores."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from otp_engine.crypto.argon2 import PROFILES
from otp_engine.domain.factors.ports import EntityKey
from otp_engine.domain.factors.recovery_codes import RecoveryHashes
from otp_engine.domain.limits.limits import Limit
from otp_engine.errors import FactorNotFound, RateLimited
from otp_engine.store import keys
from otp_engine.store.redis_store import RedisStore
from tests.store.test_races import all_at_once

SERVICE = "VA" + "1" * 32
ALICE = EntityKey("alice", SERVICE)
# Ids and hashes are random bytes, so they contain separators.
FIRST, SECOND = b":" * 16, b"\x00\xff:\n" * 4
HASHES = [b"\n" * 32, b"\x00" * 32, b"%d" * 16]
UNKNOWN = b"?" * 32
THREADS = 100


def stored(hashes):
    return RecoveryHashes(
        argon2=PROFILES["test"], salt=b"s" * 16, hashes=hashes
    ).encode()


def id_of(number):
    return number.to_bytes(8, "big")


def enroll(store, factor_id=FIRST, hashes=HASHES):
    store.factors.put_factor(
        ALICE,
        entity_id=b"E" * 16,
        entity_record=b"entity record",
        factor_id=factor_id,
        record=b"factor record",
        is_authenticator=True,
        recovery=stored(hashes),
    )


def activate(store, factor_id=FIRST, step=100):
    assert store.factors.accept_step(
        ALICE,
        factor_id,
        idempotency_key=b"accepted",
        step=step,
        activates=True,
        is_authenticator=True,
    )


@pytest.fixture
def active(store):
    """Return the store of an authenticator with recovery codes."""
    enroll(store)
    activate(store)
    return store.recovery_codes


@pytest.fixture
def reserve(store, policy):
    """Return a function that reserves a check."""
    checks = iter(range(1_000))

    def reserve(*, policy=policy, check=None):
        key = check or id_of(next(checks))
        return store.recovery_codes.reserve_recovery_check(
            ALICE, idempotency_key=key, policy=policy
        )

    return reserve


def use(recovery_store, code_hash, factor_id=FIRST, check=b"used-now"):
    return recovery_store.use_recovery_code(
        ALICE, factor_id, idempotency_key=check, code_hash=code_hash
    )


def left(store):
    return [
        each.recovery_codes_left for each in store.factors.get_entity(ALICE).factors
    ]


def test_reservation_has_the_codes_of_the_authenticator(active, reserve):
    reservation = reserve()

    assert reservation.check.factor.id == FIRST
    assert RecoveryHashes.decode(reservation.recovery).hashes == HASHES


def test_identity_without_an_authenticator_is_not_found(reserve):
    with pytest.raises(FactorNotFound):
        reserve()


def test_codes_of_an_enrollment_wait_for_its_activation(store, reserve):
    enroll(store)

    with pytest.raises(FactorNotFound):
        reserve()


def test_codes_of_the_earlier_authenticator_work_until_the_next_one_is_active(
    active, store, reserve
):
    enroll(store, SECOND, [UNKNOWN])
    before = reserve()
    activate(store, SECOND)

    after = reserve()

    found = [each.check.factor.id for each in (before, after)]
    assert found == [FIRST, SECOND]
    assert use(active, HASHES[0]) is None


def test_used_code_is_deleted_and_the_others_stay(active, store, reserve):
    result = use(active, HASHES[1])

    assert result.codes_left == 2
    assert left(store) == [2]
    hashes = RecoveryHashes.decode(reserve().recovery).hashes
    assert hashes == [HASHES[0], HASHES[2]]


def test_used_code_is_used_once(active):
    use(active, HASHES[0])

    assert use(active, HASHES[0], check=b"used-two") is None


def test_every_code_can_be_used(active):
    uses = [use(active, each, check=id_of(i)) for i, each in enumerate(HASHES)]

    assert [each.codes_left for each in uses] == [2, 1, 0]


def test_repeated_use_returns_the_same_and_uses_nothing(active, store):
    first = use(active, HASHES[0])

    assert use(active, HASHES[0]) == first
    assert left(store) == [2]


def test_use_is_repeated_after_that_of_another_code(active, store):
    first = use(active, HASHES[0], check=b"used-one")
    use(active, HASHES[1], check=b"used-two")

    assert use(active, HASHES[0], check=b"used-one").at == first.at
    assert left(store) == [1]


def test_unknown_code_is_not_used(active, store):
    assert use(active, UNKNOWN) is None
    assert left(store) == [3]


def test_hash_across_two_others_is_not_used(active, store):
    across = HASHES[0][16:] + HASHES[1][:16]

    assert use(active, across) is None
    assert left(store) == [3]


def test_code_of_a_deleted_factor_is_not_used(active, store):
    store.factors.delete_factor(ALICE, FIRST)

    assert use(active, HASHES[0]) is None
    assert store.factors.get_entity(ALICE).factors == ()


def test_factor_without_recovery_codes_has_none_to_use(store, reserve):
    store.factors.put_factor(
        ALICE,
        entity_id=b"E" * 16,
        entity_record=b"entity record",
        factor_id=FIRST,
        record=b"factor record",
    )
    activate(store)

    assert reserve().recovery == b""
    assert use(store.recovery_codes, HASHES[0]) is None


def test_failed_checks_of_recovery_codes_use_up_their_budget(active, reserve, policy):
    limited = replace(policy, failed_checks_per_factor=Limit.parse("2/1h"))
    remaining = [reserve(policy=limited).check.attempts_remaining for _ in range(2)]

    with pytest.raises(RateLimited) as raised:
        reserve(policy=limited)

    assert remaining == [1, 0]
    assert raised.value.limit == "failed_checks_per_factor"
    assert timedelta(minutes=59) < raised.value.retry_after <= timedelta(hours=1)


def test_reservation_of_the_last_attempt_has_the_wait(active, reserve, policy):
    limited = replace(policy, failed_checks_per_factor=Limit.parse("1/1h"))

    reservation = reserve(policy=limited)

    assert reservation.check.attempts_remaining == 0
    assert timedelta(minutes=59) < reservation.check.retry_after <= timedelta(hours=1)


def test_consecutive_failures_disable_recovery_codes(active, reserve, policy):
    limited = replace(policy, max_consecutive_failures=2)
    for _ in range(2):
        reserve(policy=limited)

    with pytest.raises(RateLimited) as raised:
        reserve(policy=limited)

    assert raised.value.limit == "max_consecutive_failures"


def test_used_code_clears_the_failed_checks(active, reserve, policy):
    limited = replace(policy, failed_checks_per_factor=Limit.parse("2/1h"))
    for _ in range(2):
        reserve(policy=limited)

    use(active, HASHES[0])

    assert reserve(policy=limited).check.attempts_remaining == 1


def test_repeated_check_counts_once(active, reserve, policy):
    limited = replace(policy, failed_checks_per_factor=Limit.parse("2/1h"))
    reserve(policy=limited, check=b"repeated")

    reservation = reserve(policy=limited, check=b"repeated")

    assert reservation.check.attempts_remaining == 1


def test_locked_codes_leave_recovery_codes_open(active, store, reserve, policy):
    limited = replace(policy, failed_checks_per_factor=Limit.parse("1/1h"))
    check = partial(
        store.factors.reserve_check, ALICE, None, policy=limited, activates=False
    )
    check(idempotency_key=id_of(1))
    with pytest.raises(RateLimited):
        check(idempotency_key=id_of(2))

    assert reserve(policy=limited).check.factor.id == FIRST


def test_locked_recovery_codes_leave_codes_open(active, store, reserve, policy):
    limited = replace(policy, failed_checks_per_factor=Limit.parse("1/1h"))
    reserve(policy=limited)

    reservation = store.factors.reserve_check(
        ALICE, None, idempotency_key=id_of(1), policy=limited, activates=False
    )

    assert reservation.factor.id == FIRST


def test_accepted_code_keeps_the_failed_checks_of_recovery_codes(
    active, store, reserve, policy
):
    limited = replace(policy, failed_checks_per_factor=Limit.parse("1/1h"))
    reserve(policy=limited)

    store.factors.accept_step(
        ALICE,
        FIRST,
        idempotency_key=b"accepts2",
        step=200,
        activates=False,
        is_authenticator=False,
    )

    with pytest.raises(RateLimited):
        reserve(policy=limited)


def test_failed_checks_that_no_window_contains_are_deleted(active, reserve, redis):
    field = FIRST + b":recovery_failures"
    redis.hset(keys.entity(ALICE), field, b"12345678" + b"%013d" % 1)

    reserve(check=b"87654321")

    assert redis.hget(keys.entity(ALICE), field)[:8] == b"87654321"


def test_released_check_is_not_counted_and_the_others_are(active, reserve, policy):
    limited = replace(policy, failed_checks_per_factor=Limit.parse("2/1h"))
    for check in (b"check 01", b"check 02"):
        reserve(policy=limited, check=check)

    for check in (b"check 02", b"unknown!"):
        active.release_recovery_check(ALICE, FIRST, idempotency_key=check)

    assert reserve(policy=limited).check.attempts_remaining == 0


def test_release_of_the_only_check_leaves_nothing(active, reserve, redis):
    reserve(check=b"check 01")

    active.release_recovery_check(ALICE, FIRST, idempotency_key=b"check 01")

    assert not redis.hexists(keys.entity(ALICE), FIRST + b":recovery_failures")


def test_deleted_factor_leaves_nothing_of_its_recovery_codes(
    active, store, reserve, redis
):
    use(active, HASHES[0])
    reserve()

    store.factors.delete_factor(ALICE, FIRST)

    fields = redis.hkeys(keys.entity(ALICE))
    assert [field for field in fields if field.startswith(FIRST)] == []


def test_one_recovery_code_is_used_once_by_100_checks(real_redis):
    store = RedisStore(real_redis)
    enroll(store)
    activate(store)

    calls = [
        partial(use, store.recovery_codes, HASHES[0], check=id_of(check))
        for check in range(THREADS)
    ]
    results: list[Any] = all_at_once(*calls)

    assert [each.codes_left for each in results if each] == [2]
    assert left(store) == [2]


def test_all_recovery_codes_are_used_once_each_at_the_same_time(real_redis):
    store = RedisStore(real_redis)
    enroll(store, hashes=[bytes([number]) * 32 for number in range(10)])
    activate(store)

    calls = [
        partial(use, store.recovery_codes, bytes([i % 10]) * 32, check=id_of(i))
        for i in range(THREADS)
    ]
    results: list[Any] = all_at_once(*calls)

    assert sorted(each.codes_left for each in results if each) == list(range(10))


def test_simultaneous_checks_of_recovery_codes_share_no_attempt(real_redis, policy):
    store = RedisStore(real_redis)
    enroll(store)
    activate(store)
    limited = replace(policy, failed_checks_per_factor=Limit.parse("5/1h"))

    calls = [
        partial(
            store.recovery_codes.reserve_recovery_check,
            ALICE,
            idempotency_key=id_of(check),
            policy=limited,
        )
        for check in range(THREADS)
    ]
    results: list[Any] = all_at_once(*calls)

    reserved = [each for each in results if each is not RateLimited]
    assert sorted(each.check.attempts_remaining for each in reserved) == [0, 1, 2, 3, 4]
