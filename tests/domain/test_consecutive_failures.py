"""Failed checks of one phone in a row have a ceiling (NIST SP 800-63B-4, 3.2.2)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from otp_engine.domain.inspection import PhoneInspector
from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.services import Service
from otp_engine.errors import RateLimited
from tests.support.fakes import different_code
from tests.support.time_travel import age
from tests.support.tuning import with_policy


@pytest.fixture
def strict(engine):
    """At most three in a row, and a budget by the hour that never refuses."""
    return with_policy(
        engine, max_consecutive_failures=3, failed_checks_per_phone=Limit.parse("9/1h")
    )


@pytest.fixture
def fail(strict, guess, outbox, redis):
    """Fail checks of Alice's code, with a day between any two."""

    def fail(times, asked):
        for _ in range(times):
            strict.send(asked)
            wrong = replace(guess(different_code(*outbox.codes)), service=asked.service)
            strict.check(wrong)
            age(redis, timedelta(days=1))

    return fail


def refused(act):
    with pytest.raises(RateLimited) as refusal:
        act()
    assert refusal.value.limit == "max_consecutive_failures"
    return refusal.value.retry_after


def test_after_the_last_failed_check_nothing_is_sent(strict, alice, fail):
    fail(3, alice)

    wait = refused(lambda: strict.send(alice))

    # The first of them was three days ago, and counts for thirty.
    assert timedelta(days=26, hours=23) < wait <= timedelta(days=27)


def test_after_the_last_failed_check_a_right_code_is_refused(
    strict, alice, guess, outbox
):
    strict.send(alice)
    left = [
        strict.check(guess(different_code(outbox.code))).attempts_remaining
        for _ in range(3)
    ]

    refused(lambda: strict.check(guess(outbox.code)))

    assert left == [2, 1, 0]


def test_failed_checks_of_all_services_count(strict, alice, fail):
    shop = replace(alice, service=Service(sid="VA1", namespace="VA1"))
    fail(2, alice)
    fail(1, shop)

    refused(lambda: strict.send(alice))


def test_a_right_code_ends_the_row(strict, alice, guess, outbox, fail):
    fail(2, alice)
    strict.send(alice)
    assert strict.check(guess(outbox.code)).approved

    fail(2, alice)

    strict.send(alice)


def test_an_operator_ends_the_row(strict, store, alice, fail):
    fail(3, alice)

    PhoneInspector(store, store.limit_usage, strict.peppers, strict.policy).delete(
        alice.number, [""]
    )

    strict.send(alice)


def test_failed_checks_count_for_thirty_days(strict, alice, redis, fail):
    fail(3, alice)
    age(redis, timedelta(days=27))

    strict.send(alice)


def test_a_new_verification_does_not_refill_a_row_of_a_hundred(
    engine, alice, guess, outbox, redis
):
    """With the defaults, over as many days as it takes."""
    engine = with_policy(engine, failed_checks_per_phone=Limit.parse("10/1h"))
    failed = 0
    while failed < 100:
        engine.send(alice)
        for _ in range(5):
            engine.check(guess(different_code(*outbox.codes)))
            failed += 1
        age(redis, timedelta(hours=1))

    refused(lambda: engine.send(alice))
