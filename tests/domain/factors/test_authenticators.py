"""Enrollments, recovery codes and deletions of authenticators, on both stores."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from otp_engine.crypto.argon2 import PROFILES
from otp_engine.crypto.factor_keys import FactorKey
from otp_engine.crypto.hash_queue import HashQueue
from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.events import (
    FactorApproved,
    FactorCheckFailed,
    FactorCheckRefused,
    FactorCheckUnavailable,
    FactorCreated,
    FactorDeleted,
    FactorVerified,
)
from otp_engine.domain.factors.authenticators import Authenticators
from otp_engine.domain.factors.data_keys import DataKeys
from otp_engine.domain.factors.models import FactorCheck
from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.limits.networks import NetworkSet
from otp_engine.errors import (
    FactorNotFound,
    InvalidFactor,
    InvalidIdentity,
    NetworkNotAllowed,
    Overloaded,
    RateLimited,
)
from otp_engine.resilience.dependency_metrics import NullMetrics
from otp_engine.store.redis_store import RedisStore
from tests.domain.factors.conftest import FACTOR_KEY, IDENTITY, SERVICE
from tests.store.test_races import all_at_once
from tests.support.fakes import HashQueueWithHook, raise_overloaded
from tests.support.redis_dump import everything_in

THREADS = 100
CLIENT_IP = "203.0.113.7"


class CountingMetrics(NullMetrics):
    """Counts hashes."""

    def __init__(self) -> None:
        self.hashes = 0

    def observe_hash(self, *, waited: float, took: float) -> None:
        self.hashes += 1


def of(factors, store):
    return Authenticators(
        factors=factors,
        recovery_store=store.recovery_codes,
        utcnow=lambda: datetime.now(UTC),
    )


@pytest.fixture
def authenticators(factors, store):
    return of(factors, store)


@pytest.fixture
def enrollment(request_factor):
    return request_factor(is_authenticator=True)


def check(code, **values):
    defaults: dict[str, Any] = {
        "service": SERVICE,
        "identity": IDENTITY,
        "client_name": "shop",
    }
    return FactorCheck(code=code, **defaults | values)


@pytest.fixture
def active(authenticators, enrollment, app):
    """Return the enrollment of an active authenticator."""
    enrolled = authenticators.enroll(enrollment)
    code = app(enrolled.created, steps=-1)
    assert authenticators.check(check(code, activates=True)).approved
    return enrolled


def with_engine(authenticators, **changes):
    factors = authenticators.factors
    engine = replace(factors.engine, **changes)
    return replace(authenticators, factors=replace(factors, engine=engine))


def with_policy(authenticators, **values):
    policy = authenticators.factors.engine.policy
    return with_engine(authenticators, policy=replace(policy, **values))


def test_enrollment_is_unverified_and_has_recovery_codes(authenticators, enrollment):
    enrolled = authenticators.enroll(enrollment)

    assert enrolled.created.factor.status == "unverified"
    assert enrolled.created.factor.recovery_codes_left == 10
    assert len(set(enrolled.recovery_codes)) == 10


def test_repr_of_an_enrollment_has_no_secret(authenticators, enrollment):
    enrolled = authenticators.enroll(enrollment)

    assert enrolled.created.secret not in repr(enrolled)
    assert enrolled.recovery_codes[0] not in repr(enrolled)


def test_enrollment_costs_ten_hashes_and_a_check_one(
    authenticators, enrollment, app, policy
):
    metrics = CountingMetrics()
    counted = with_engine(authenticators, hash_queue=HashQueue(1, metrics=metrics))
    enrolled = counted.enroll(enrollment)
    at_enrollment = metrics.hashes
    counted.check(check(app(enrolled.created, steps=-1), activates=True))
    at_activation = metrics.hashes

    counted.check_recovery_code(check(enrolled.recovery_codes[9]))

    assert (at_enrollment, at_activation, metrics.hashes) == (10, 10, 11)


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"identity": "short"}, InvalidIdentity),
        ({"friendly_name": "x" * 65}, InvalidFactor),
    ],
)
def test_invalid_enrollment_costs_no_hash_and_counts_nothing(
    authenticators, enrollment, values, error
):
    metrics = CountingMetrics()
    counted = with_engine(authenticators, hash_queue=HashQueue(1, metrics=metrics))
    limited = with_policy(counted, checks_per_ip=Limit.parse("1/1h"))
    request = replace(enrollment, client_ip=CLIENT_IP)

    with pytest.raises(error):
        limited.enroll(replace(request, **values))

    assert metrics.hashes == 0
    assert limited.enroll(request)


def test_refused_requester_costs_no_hash(authenticators, enrollment):
    metrics = CountingMetrics()
    counted = with_engine(authenticators, hash_queue=HashQueue(1, metrics=metrics))
    limited = with_policy(counted, checks_per_ip=Limit.parse("1/1h"))
    limited.enroll(replace(enrollment, client_ip=CLIENT_IP))

    with pytest.raises(RateLimited) as raised:
        limited.enroll(replace(enrollment, client_ip=CLIENT_IP, identity="other-one"))

    assert raised.value.limit == "checks_per_ip"
    assert metrics.hashes == 10


def test_identity_enrolled_too_often_costs_no_hash(authenticators, enrollment):
    metrics = CountingMetrics()
    counted = with_engine(authenticators, hash_queue=HashQueue(1, metrics=metrics))
    for _ in range(10):
        counted.enroll(enrollment)

    with pytest.raises(RateLimited) as raised:
        counted.enroll(enrollment)

    assert raised.value.limit == "enrollments_per_identity"
    assert metrics.hashes == 100


def test_refused_enrollment_has_an_event(authenticators, enrollment, emitted):
    blocked = with_policy(
        authenticators, blocked_networks=NetworkSet.parse("203.0.113.0/24")
    )

    with pytest.raises(NetworkNotAllowed):
        blocked.enroll(replace(enrollment, client_ip=CLIENT_IP))

    [event] = emitted
    assert isinstance(event, FactorCheckRefused)
    assert event.limit == "blocked_networks"


def test_overloaded_enrollment_is_counted_nowhere(authenticators, enrollment, emitted):
    overloaded = with_engine(
        with_policy(authenticators, checks_per_ip=Limit.parse("1/1h")),
        hash_queue=HashQueueWithHook(raise_overloaded),
    )
    request = replace(enrollment, client_ip=CLIENT_IP)
    for _ in range(11):
        with pytest.raises(Overloaded):
            overloaded.enroll(request)

    queue = authenticators.factors.engine.hash_queue
    assert with_engine(overloaded, hash_queue=queue).enroll(request)
    assert isinstance(emitted[0], FactorCheckUnavailable)


def test_life_of_an_authenticator_has_its_events(authenticators, active, app, emitted):
    authenticators.check(check(app(active.created)))
    authenticators.check_recovery_code(check(active.recovery_codes[0]))
    authenticators.check_recovery_code(check(active.recovery_codes[0]))
    authenticators.delete(SERVICE, IDENTITY, client_name="shop")

    assert [type(event) for event in emitted] == [
        *(FactorCreated, FactorVerified, FactorApproved, FactorApproved),
        *(FactorCheckFailed, FactorDeleted),
    ]
    methods = [each.method for each in emitted if isinstance(each, FactorApproved)]
    assert methods == ["totp", "recovery_code"]
    assert len({event.identity_hash for event in emitted}) == 1
    assert IDENTITY not in str(emitted)


def test_recovery_code_approves_once_with_the_number_left(authenticators, active):
    result = authenticators.check_recovery_code(check(active.recovery_codes[4]))
    again = authenticators.check_recovery_code(check(active.recovery_codes[4]))

    assert (result.approved, result.factor.recovery_codes_left) == (True, 9)
    assert result.factor.sid == active.created.factor.sid
    assert (again.approved, again.factor.recovery_codes_left) == (False, 9)


def test_recovery_code_is_approved_at_the_time_of_the_store(
    authenticators, active, store
):
    before = store.policy_versions.now() - timedelta(milliseconds=1)

    result = authenticators.check_recovery_code(check(active.recovery_codes[0]))

    assert before <= result.approved_at <= store.policy_versions.now()


def test_recovery_code_of_another_service_is_not_found(authenticators, active):
    other = replace(SERVICE, sid=f"VA{'2' * 32}")

    with pytest.raises(FactorNotFound):
        authenticators.check_recovery_code(
            check(active.recovery_codes[0], service=other)
        )


def test_moved_hashes_match_no_code_of_another_identity(
    authenticators, enrollment, active, app, redis
):
    other = authenticators.enroll(replace(enrollment, identity="other-one"))
    of_other = partial(check, identity="other-one")
    authenticators.check(of_other(app(other.created, steps=-1), activates=True))
    hashes = {
        key: value
        for key in redis.keys("otp:*:entity")
        for name, value in redis.hgetall(key).items()
        if name.endswith(b":recovery")
    }
    [first, second] = hashes.values()
    for key in redis.keys("otp:*:entity"):
        [name] = [each for each in redis.hkeys(key) if each.endswith(b":recovery")]
        redis.hset(key, name, second if hashes[key] == first else first)

    result = authenticators.check_recovery_code(of_other(active.recovery_codes[0]))

    assert not result.approved


def test_failed_recovery_codes_are_limited_apart_from_codes(
    authenticators, active, app
):
    limited = with_policy(authenticators, failed_checks_per_factor=Limit.parse("1/1h"))
    first = limited.check_recovery_code(check("0" * 10))

    with pytest.raises(RateLimited) as raised:
        limited.check_recovery_code(check(active.recovery_codes[0]))

    assert (first.approved, first.attempts_remaining) == (False, 0)
    assert first.retry_after > timedelta(minutes=59)
    assert raised.value.limit == "failed_checks_per_factor"
    assert limited.check(check(app(active.created))).approved


def test_overloaded_check_of_a_recovery_code_is_counted_nowhere(authenticators, active):
    limited = with_policy(authenticators, failed_checks_per_factor=Limit.parse("1/1h"))
    overloaded = with_engine(limited, hash_queue=HashQueueWithHook(raise_overloaded))
    for _ in range(2):
        with pytest.raises(Overloaded):
            overloaded.check_recovery_code(check(active.recovery_codes[0]))

    assert limited.check_recovery_code(check(active.recovery_codes[0])).approved


def test_requester_of_recovery_codes_is_counted_first(authenticators, active):
    limited = with_policy(authenticators, checks_per_ip=Limit.parse("1/1h"))
    request = check(active.recovery_codes[0], client_ip=CLIENT_IP)
    with pytest.raises(FactorNotFound):
        limited.check_recovery_code(replace(request, identity="other-one"))

    with pytest.raises(RateLimited) as raised:
        limited.check_recovery_code(request)

    assert raised.value.limit == "checks_per_ip"


def test_recovery_codes_survive_a_rotation_of_the_pepper(authenticators, active):
    rotated = with_engine(
        authenticators, peppers=(Pepper(b"n" * 32), Pepper(b"p" * 32))
    )
    gone = with_engine(authenticators, peppers=(Pepper(b"n" * 32),))

    assert rotated.check_recovery_code(check(active.recovery_codes[0])).approved
    assert gone.check_recovery_code(check(active.recovery_codes[1])).approved


def test_recovery_codes_survive_a_rotation_of_the_factor_key(
    authenticators, active, store
):
    new = FactorKey(b"n" * 32)
    data_key = authenticators.factors.data_keys.get()
    encrypted = store.data_key.get()
    assert store.data_key.replace(encrypted, new.encrypt_data_key(data_key))
    data_keys = DataKeys(
        store.data_key, [new], random_bytes=secrets.token_bytes, clock=lambda: 0.0
    )
    factors = replace(authenticators.factors, data_keys=data_keys)
    rotated = replace(authenticators, factors=factors)

    assert rotated.check_recovery_code(check(active.recovery_codes[0])).approved


def test_recovery_codes_keep_the_cost_that_they_were_hashed_with(
    authenticators, active
):
    changed = with_engine(authenticators, argon2=PROFILES["light"])

    assert changed.check_recovery_code(check(active.recovery_codes[0])).approved


def test_dump_of_redis_has_no_recovery_code_secret_or_identity(
    authenticators, active, redis
):
    authenticators.check_recovery_code(check(active.recovery_codes[0]))

    dump = everything_in(redis)

    assert dump
    for secret in (*active.recovery_codes, active.created.secret, IDENTITY):
        assert secret.encode() not in dump


def test_identity_with_an_authenticator_is_ready(authenticators, active):
    assert authenticators.is_ready(SERVICE, IDENTITY)


def test_identity_without_an_authenticator_is_not_ready(authenticators, enrollment):
    before = authenticators.is_ready(SERVICE, IDENTITY)
    authenticators.enroll(enrollment)

    assert (before, authenticators.is_ready(SERVICE, IDENTITY)) == (False, False)
    assert not authenticators.is_ready(SERVICE, "other-one")


@pytest.mark.parametrize(
    "limits",
    [
        {"failed_checks_per_factor": Limit.parse("2/1h")},
        {"max_consecutive_failures": 2},
    ],
)
def test_locked_authenticator_is_not_ready(authenticators, active, limits):
    limited = with_policy(authenticators, **limits)
    ready = []
    for _ in range(2):
        ready.append(limited.is_ready(SERVICE, IDENTITY))
        limited.check(check("000000"))

    assert ready == [True, True]
    assert not limited.is_ready(SERVICE, IDENTITY)


def test_failed_checks_that_left_the_window_leave_the_authenticator_ready(
    authenticators, active
):
    limited = with_policy(authenticators, failed_checks_per_factor=Limit.parse("1/1h"))
    limited.check(check("000000"))

    later = replace(limited, utcnow=lambda: datetime.now(UTC) + timedelta(hours=1))

    assert later.is_ready(SERVICE, IDENTITY)


def test_deletion_deletes_authenticator_and_unfinished_enrollment(
    authenticators, enrollment, active
):
    authenticators.enroll(enrollment)

    authenticators.delete(SERVICE, IDENTITY)

    assert authenticators.factors.list_factors(SERVICE, IDENTITY) == []


def test_deletion_leaves_the_other_factors_of_the_identity(
    authenticators, active, verified, factors
):
    authenticators.delete(SERVICE, IDENTITY)

    [left] = factors.list_factors(SERVICE, IDENTITY)
    assert left.sid == verified.factor.sid


def test_deletion_without_an_authenticator_is_not_found(authenticators):
    with pytest.raises(FactorNotFound):
        authenticators.delete(SERVICE, IDENTITY)


def test_second_deletion_is_not_found(authenticators, active):
    authenticators.delete(SERVICE, IDENTITY)

    with pytest.raises(FactorNotFound):
        authenticators.delete(SERVICE, IDENTITY)


def test_one_recovery_code_is_approved_once_by_100_threads(
    factors, enrollment, app, real_redis
):
    store = RedisStore(real_redis)
    authenticators = of(
        replace(
            factors,
            engine=replace(factors.engine, store=store),
            store=store.factors,
            data_keys=DataKeys(
                store.data_key,
                [FACTOR_KEY],
                random_bytes=secrets.token_bytes,
                clock=lambda: 0.0,
            ),
        ),
        store,
    )
    authenticators = with_policy(
        authenticators, failed_checks_per_factor=Limit.parse("1000/1h")
    )
    enrolled = authenticators.enroll(enrollment)
    authenticators.check(check(app(enrolled.created, steps=-1), activates=True))

    request = check(enrolled.recovery_codes[0])
    calls = [partial(authenticators.check_recovery_code, request)] * THREADS
    results: list[Any] = all_at_once(*calls)

    assert [each.approved for each in results].count(True) == 1
    assert (
        authenticators.factors.find_authenticator(SERVICE, IDENTITY).recovery_codes_left
        == 9
    )
