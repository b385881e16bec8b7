"""A pepper rotation with two services and two instances; on both stores.

The first instance already has the new pepper in front, the second has it behind the
old one. Both share one Redis.
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
    """An instance before the rotation."""
    return replace(engine, peppers=(OLD,))


@pytest.fixture
def instances(engine):
    """An instance on either side of the rotation."""
    return [replace(engine, peppers=order) for order in ((NEW, OLD), (OLD, NEW))]


def checks(engine, number, code, service):
    return engine.check(CheckRequest(number=number, code=code, service=service))


def test_live_codes_of_two_services_work_during_rotation(before, instances, outbox):
    sides = [instances[n % 2] for n in range(len(PHONES))]
    for number in PHONES:
        before.send(SendRequest(number=number, service=SHOP))
    for number, side in zip(PHONES, sides, strict=True):
        side.send(SendRequest(number=number, service=BANK))
        # A failed check in one service must not move the other.
        checks(side, number, different_code(*outbox.codes[-2:]), SHOP)
        checks(side, number, different_code(*outbox.codes[-2:]), BANK)
    codes = zip(
        PHONES, outbox.codes[:12], outbox.codes[12:], reversed(sides), strict=True
    )

    approved = [
        [
            checks(side, number, shop, SHOP).approved,
            checks(side, number, bank, BANK).approved,
        ]
        for number, shop, bank, side in codes
    ]

    assert approved == [[True, True]] * 12


@pytest.mark.parametrize("number", PHONES[:4], ids=range(4))
def test_rotation_does_not_double_the_budget_of_failed_checks(
    before, instances, outbox, number
):
    strict = Limit.parse("4/1h")
    before, *instances = [
        with_policy(one, failed_checks_per_phone=strict) for one in (before, *instances)
    ]
    before.send(SendRequest(number=number, service=SHOP))
    wrong = different_code(outbox.code)
    checks(before, number, wrong, SHOP)
    for side, service in zip(instances, (BANK, SHOP), strict=True):
        side.send(SendRequest(number=number, service=service))
        wrong = different_code(*outbox.codes)
        checks(side, number, wrong, service)
    checks(instances[0], number, wrong, SHOP)

    for side in instances:
        for service in (SHOP, BANK):
            with pytest.raises(RateLimited) as refusal:
                checks(side, number, wrong, service)
            assert refusal.value.limit == "failed_checks_per_phone"


def test_failed_checks_move_with_a_phone_to_the_new_pepper(
    before, instances, outbox, redis
):
    """The verification has ended, and the row of failed checks goes on."""
    number = PHONES[0]
    before = with_policy(before, max_consecutive_failures=3)
    before.send(SendRequest(number=number))
    for _ in range(2):
        checks(before, number, different_code(outbox.code), Service())
    age(redis, timedelta(minutes=10))
    rotated = with_policy(instances[0], max_consecutive_failures=3)
    rotated.send(SendRequest(number=number))
    checks(rotated, number, different_code(outbox.code), Service())
    after = replace(rotated, peppers=(NEW,))

    with pytest.raises(RateLimited) as refusal:
        after.send(SendRequest(number=number))

    assert refusal.value.limit == "max_consecutive_failures"


def test_moved_failed_checks_are_counted_once(before, instances, outbox):
    number = PHONES[0]
    before.send(SendRequest(number=number))
    checks(before, number, different_code(outbox.code), Service())
    old, new = (
        PhoneKey(pepper.pseudonymize("phone", number.e164)) for pepper in (OLD, NEW)
    )
    store, policy = before.store, before.policy

    for _ in range(2):
        store.move_failed_checks(old, new, policy)
        store.move_failed_checks(old, new, policy)

    assert store.get_phone_state(new, policy).failed_checks == 1
    assert store.get_phone_state(old, policy).failed_checks == 0


def test_moved_failed_checks_expire(before, outbox, redis):
    number = PHONES[0]
    before.send(SendRequest(number=number))
    checks(before, number, different_code(outbox.code), Service())
    old, new = (
        PhoneKey(pepper.pseudonymize("phone", number.e164)) for pepper in (OLD, NEW)
    )

    before.store.move_failed_checks(old, new, before.policy)

    (left,) = [redis.pttl(key) for key in redis.keys("*:consecutive_failures")]
    assert timedelta(days=29) < timedelta(milliseconds=left) <= timedelta(days=30)


def test_code_of_a_removed_pepper_is_not_found(before, engine, outbox):
    before.send(SendRequest(number=PHONES[0]))

    with pytest.raises(VerificationNotFound):
        checks(replace(engine, peppers=(NEW,)), PHONES[0], outbox.code, Service())
