"""Simultaneous requests about factors: many threads, on a real Redis."""

from __future__ import annotations

import secrets
from dataclasses import replace
from functools import partial
from typing import Any

import pyotp
import pytest

from otp_engine.crypto.factor_keys import FactorKey
from otp_engine.domain.factors.data_keys import DataKeys
from otp_engine.domain.factors.factors import Factors
from otp_engine.domain.factors.models import FactorCheck, FactorRequest
from otp_engine.domain.factors.ports import EntityKey
from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.services import Service
from otp_engine.errors import (
    EntityExists,
    FactorExists,
    TooManyFactors,
    TooManyTries,
)
from otp_engine.store.redis_store import RedisStore
from tests.store.test_races import all_at_once
from tests.support.tuning import with_policy

THREADS = 100
ALICE = EntityKey("alice", "VA1")
FACTOR = b"F" * 16


@pytest.fixture
def redis(real_redis):
    return real_redis


@pytest.fixture
def factors(redis):
    return RedisStore(redis).factors


def id_of(number, size=16):
    return number.to_bytes(size, "big")


def put(factors, number=0, **options):
    return factors.put_factor(
        ALICE,
        entity_id=id_of(number),
        entity_record=b"entity record",
        factor_id=options.pop("factor_id", FACTOR),
        record=b"factor record",
        **options,
    )


def accept(factors, check, step, **options):
    return factors.accept_step(
        ALICE,
        FACTOR,
        idempotency_key=id_of(check, 8),
        step=step,
        activates=options.get("activates", False),
        is_authenticator=options.get("is_authenticator", False),
    )


def test_one_step_is_accepted_once_by_100_checks(factors):
    put(factors)

    calls = [partial(accept, factors, check, 100) for check in range(THREADS)]
    results = all_at_once(*calls)

    assert len([at for at in results if at]) == 1


def test_simultaneous_steps_are_accepted_in_ascending_order_only(factors):
    put(factors)

    def check(number):
        return accept(factors, number, 100 + number % 3) and 100 + number % 3

    calls = [partial(check, number) for number in range(THREADS)]
    results: list[Any] = all_at_once(*calls)

    accepted = [step for step in results if step]
    assert len(accepted) == len(set(accepted))
    assert max(accepted) == 102


def test_simultaneous_activations_make_one_authenticator(factors):
    put(factors, is_authenticator=True)
    options = {"activates": True, "is_authenticator": True}

    calls = [
        partial(accept, factors, check, 100, **options) for check in range(THREADS)
    ]
    results = all_at_once(*calls)

    assert len([at for at in results if at]) == 1
    assert factors.get_entity(ALICE).authenticator == FACTOR


def test_simultaneous_checks_share_no_attempt(factors, policy):
    put(factors)
    reserve = partial(factors.reserve_check, ALICE, FACTOR, policy=policy)

    calls = [
        partial(reserve, idempotency_key=id_of(check, 8), activates=True)
        for check in range(THREADS)
    ]
    results: list[Any] = all_at_once(*calls)

    reserved = [each for each in results if each is not TooManyTries]
    assert sorted(each.attempts_remaining for each in reserved) == [0, 1, 2, 3, 4]


def test_simultaneous_creations_make_one_entity_in_the_index(factors):
    calls = [
        partial(factors.create_entity, ALICE, id=id_of(number), record=b"")
        for number in range(THREADS)
    ]

    results = all_at_once(*calls)

    [created] = [each for each in results if each is not EntityExists]
    assert list(factors.list_entities("VA1")) == [created]


def test_simultaneous_factors_make_one_entity_in_the_index(factors):
    calls = [
        partial(put, factors, number, factor_id=id_of(number)) for number in range(32)
    ]

    results: list[Any] = all_at_once(*calls)

    [listed] = factors.list_entities("VA1")
    assert {entity.id for entity in results} == {listed.id}
    assert len(listed.factors) == 32


def test_each_of_simultaneous_enrollments_returns_its_factor(factors):
    ids = [id_of(number) for number in range(32)]
    calls = [
        partial(put, factors, factor_id=each, is_authenticator=True) for each in ids
    ]

    results: list[Any] = all_at_once(*calls)

    for factor_id, entity in zip(ids, results, strict=True):
        assert [factor.id for factor in entity.factors] == [factor_id]
    assert len(factors.get_entity(ALICE).factors) == 1


def test_simultaneous_factors_never_exceed_the_maximum(factors):
    for number in range(90):
        put(factors, factor_id=id_of(number))

    calls = [
        partial(put, factors, factor_id=id_of(1_000 + number)) for number in range(32)
    ]
    results = all_at_once(*calls)

    assert results.count(TooManyFactors) == 22
    assert len(factors.get_entity(ALICE).factors) == 100


def test_simultaneous_workers_get_one_data_key(redis):
    stores = [RedisStore(redis).data_key for _ in range(32)]

    calls = [partial(store.add, id_of(n), id_of(n)) for n, store in enumerate(stores)]
    results = all_at_once(*calls)

    assert set(results) == {stores[0].get()}


@pytest.fixture
def domain(engine, redis):
    """Return the factors of the domain, on a real Redis."""
    store = RedisStore(redis)
    return Factors(
        engine=replace(engine, store=store),
        store=store.factors,
        data_keys=DataKeys(
            store.data_key,
            [FactorKey(b"k" * 32)],
            random_bytes=secrets.token_bytes,
            clock=lambda: 0.0,
        ),
        brand="Acme",
    )


def test_simultaneous_factors_with_one_secret_of_the_client_are_one(domain):
    service = Service(sid="VA1")
    request = FactorRequest(
        service=service,
        identity="person-0001",
        friendly_name="Ann",
        secret=b"s" * 20,
    )

    results = all_at_once(*[partial(domain.create_factor, request)] * 16)

    assert results.count(FactorExists) == 15
    assert len(domain.list_factors(service, "person-0001")) == 1


def test_100_checks_with_one_right_code_are_approved_once(domain, redis):
    store, factors = RedisStore(redis), domain
    service = Service(sid="VA1")
    new = factors.create_factor(
        FactorRequest(service=service, identity="person-0001", friendly_name="Ann")
    )
    app = pyotp.TOTP(new.secret)
    now = store.policy_versions.now()
    check = FactorCheck(
        service=service,
        identity="person-0001",
        code=app.at(now, counter_offset=-1),
        factor_sid=new.factor.sid,
        activates=True,
    )
    factors.check(check)
    roomy = replace(
        factors,
        engine=with_policy(
            factors.engine, failed_checks_per_factor=Limit.parse("1000/1h")
        ),
    )
    again = replace(check, code=app.at(now, counter_offset=1), activates=False)

    results = all_at_once(*[lambda: roomy.check(again).approved] * THREADS)

    assert (results.count(True), results.count(False)) == (1, THREADS - 1)
