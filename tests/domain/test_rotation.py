"""A rotation of the pepper with two services and two instances, on both stores.

The first instance has the new pepper as the current one, and the second has it as the
previous one. Both use one Redis.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.models import CheckRequest, SendRequest
from otp_engine.domain.phones import numbers
from otp_engine.domain.phones.phone_keys import PhoneKey
from otp_engine.domain.services import Service
from otp_engine.errors import RateLimited, VerificationNotFound
from tests.support.fakes import different_code
from tests.support.time_travel import age
from tests.support.tuning import with_policy

SHOP = Service(sid="VA1", namespace="VA1")
BANK = Service(sid="VA2", namespace="VA2")
OLD, NEW = Pepper(b"p" * 32), Pepper(b"n" * 32)
PHONES = [numbers.parse(f"+9194450{n:05}", "IN") for n in range(12)]


@pytest.fixture
def before(engine):
    """Return an instance before the rotation."""
    return replace(engine, peppers=(OLD,))


@pytest.fixture
def instances(engine):
    """Return two instances during the rotation, before and after the swap."""
    return [replace(engine, peppers=order) for order in ((NEW, OLD), (OLD, NEW))]


def check(engine, number, code, service):
    return engine.check(CheckRequest(address=number, code=code, service=service))


def test_live_codes_of_two_services_work_during_a_rotation(before, instances, outbox):
    used_instances = [instances[n % 2] for n in range(len(PHONES))]
    for number in PHONES:
        before.send(SendRequest(address=number, service=SHOP))
    for number, instance in zip(PHONES, used_instances, strict=True):
        instance.send(SendRequest(address=number, service=BANK))
        # A failed check in one service must not move the other.
        check(instance, number, different_code(*outbox.codes[-2:]), SHOP)
        check(instance, number, different_code(*outbox.codes[-2:]), BANK)
    codes = zip(
        PHONES,
        outbox.codes[:12],
        outbox.codes[12:],
        reversed(used_instances),
        strict=True,
    )

    approved = [
        [
            check(instance, number, shop_code, SHOP).approved,
            check(instance, number, bank_code, BANK).approved,
        ]
        for number, shop_code, bank_code, instance in codes
    ]

    assert approved == [[True, True]] * 12


@pytest.mark.parametrize("number", PHONES[:4], ids=range(4))
def test_rotation_does_not_double_the_limit_of_failed_checks(
    before, instances, outbox, number
):
    strict = Limit.parse("4/1h")
    before, *instances = [
        with_policy(instance, failed_checks_per_phone=strict)
        for instance in (before, *instances)
    ]
    before.send(SendRequest(address=number, service=SHOP))
    wrong = different_code(outbox.code)
    check(before, number, wrong, SHOP)
    for instance, service in zip(instances, (BANK, SHOP), strict=True):
        instance.send(SendRequest(address=number, service=service))
        wrong = different_code(*outbox.codes)
        check(instance, number, wrong, service)
    check(instances[0], number, wrong, SHOP)

    for instance in instances:
        for service in (SHOP, BANK):
            with pytest.raises(RateLimited) as raised:
                check(instance, number, wrong, service)
            assert raised.value.limit == "failed_checks_per_phone"


def test_failed_checks_move_with_a_phone_to_the_new_pepper(
    before, instances, outbox, redis
):
    # The verification has ended, and the count of consecutive failures has not.
    number = PHONES[0]
    before = with_policy(before, max_consecutive_failures=3)
    before.send(SendRequest(address=number))
    for _ in range(2):
        check(before, number, different_code(outbox.code), Service())
    age(redis, timedelta(minutes=10))
    rotated = with_policy(instances[0], max_consecutive_failures=3)
    rotated.send(SendRequest(address=number))
    check(rotated, number, different_code(outbox.code), Service())
    after = replace(rotated, peppers=(NEW,))

    with pytest.raises(RateLimited) as raised:
        after.send(SendRequest(address=number))

    assert raised.value.limit == "max_consecutive_failures"


def test_moved_failed_checks_are_counted_once(before, instances, outbox):
    number = PHONES[0]
    before.send(SendRequest(address=number))
    check(before, number, different_code(outbox.code), Service())
    old, new = (
        PhoneKey(pepper.pseudonymize("phone", number.e164)) for pepper in (OLD, NEW)
    )
    store, policy = before.store, before.policy

    for _ in range(2):
        store.move_failed_checks(old, new, policy)
        store.move_failed_checks(old, new, policy)

    assert store.get_phone_state(new, policy).consecutive_failures == 1
    assert store.get_phone_state(old, policy).consecutive_failures == 0


def test_moved_failed_checks_expire(before, outbox, redis):
    number = PHONES[0]
    before.send(SendRequest(address=number))
    check(before, number, different_code(outbox.code), Service())
    old, new = (
        PhoneKey(pepper.pseudonymize("phone", number.e164)) for pepper in (OLD, NEW)
    )

    before.store.move_failed_checks(old, new, before.policy)

    (ttl_ms,) = [redis.pttl(key) for key in redis.keys("*:consecutive_failures")]
    assert timedelta(days=29) < timedelta(milliseconds=ttl_ms) <= timedelta(days=30)


def test_code_of_a_removed_pepper_is_not_found(before, engine, outbox):
    before.send(SendRequest(address=PHONES[0]))

    with pytest.raises(VerificationNotFound):
        check(replace(engine, peppers=(NEW,)), PHONES[0], outbox.code, Service())


def test_live_verification_stays_under_its_pepper(engine, outbox, alice, check_request):
    old, new = engine.peppers[0], Pepper(b"n" * 32)
    limited = with_policy(engine, max_sends=2)
    limited.send(alice)
    rotated = replace(limited, peppers=(new, old))

    rotated.send(alice)
    with pytest.raises(RateLimited):
        rotated.send(alice)

    assert rotated.check(check_request(outbox.codes[0])).approved


def test_rotation_keeps_failed_checks(engine, outbox, alice, check_request):
    old, new = engine.peppers[0], Pepper(b"n" * 32)
    strict = with_policy(engine, failed_checks_per_phone=Limit.parse("1/1h"))
    strict.send(alice)
    strict.check(check_request(different_code(outbox.code)))

    with pytest.raises(RateLimited):
        replace(strict, peppers=(new, old)).send(alice)


@pytest.mark.parametrize("first", [0, 1])
def test_instances_during_a_rotation_use_the_same_phone_key(
    engine, outbox, alice, check_request, first
):
    # Both have both peppers, in the opposite order.
    old, new = engine.peppers[0], Pepper(b"n" * 32)
    instances = [replace(engine, peppers=order) for order in ((old, new), (new, old))]
    for instance in instances[first:] + instances[:first]:
        instance.send(alice)

    remaining = [
        instance.check(check_request(different_code(*outbox.codes))).attempts_remaining
        for instance in instances
    ]

    assert remaining == [4, 3]
    assert instances[0].check(check_request(outbox.codes[0])).approved


def test_idle_phone_moves_to_the_new_pepper(
    engine, outbox, alice, check_request, redis
):
    old, new = engine.peppers[0], Pepper(b"n" * 32)
    engine.send(alice)
    engine.check(check_request(outbox.code))
    age(redis, timedelta(minutes=10))

    replace(engine, peppers=(new, old)).send(alice)

    assert replace(engine, peppers=(new,)).check(check_request(outbox.code)).approved


def test_new_phone_is_stored_under_the_new_pepper(engine, outbox, alice, check_request):
    old, new = engine.peppers[0], Pepper(b"n" * 32)
    replace(engine, peppers=(new, old)).send(alice)

    assert replace(engine, peppers=(new,)).check(check_request(outbox.code)).approved
