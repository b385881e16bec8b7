"""Consecutive failures of one phone have a maximum (NIST SP 800-63B-4, 3.2.2)."""

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
    """Return an engine with at most three consecutive failures."""
    return with_policy(
        engine, max_consecutive_failures=3, failed_checks_per_phone=Limit.parse("9/1h")
    )


@pytest.fixture
def fail(strict, check_request, outbox, redis):
    """Return a function that fails checks, one a day."""

    def fail(times, send_request):
        for _ in range(times):
            strict.send(send_request)
            wrong = replace(
                check_request(different_code(*outbox.codes)),
                service=send_request.service,
            )
            strict.check(wrong)
            age(redis, timedelta(days=1))

    return fail


def retry_after(action):
    with pytest.raises(RateLimited) as raised:
        action()
    assert raised.value.limit == "max_consecutive_failures"
    return raised.value.retry_after


def test_send_after_max_consecutive_failures_is_refused(strict, alice, fail):
    fail(3, alice)

    wait = retry_after(lambda: strict.send(alice))

    # The first failure was three days ago, and counts for 30 days.
    assert timedelta(days=26, hours=23) < wait <= timedelta(days=27)


def test_check_after_max_consecutive_failures_is_refused(
    strict, alice, check_request, outbox
):
    strict.send(alice)
    remaining = [
        strict.check(check_request(different_code(outbox.code))).attempts_remaining
        for _ in range(3)
    ]

    retry_after(lambda: strict.check(check_request(outbox.code)))

    assert remaining == [2, 1, 0]


def test_consecutive_failures_count_over_all_services(strict, alice, fail):
    shop = replace(alice, service=Service(sid="VA1", namespace="VA1"))
    fail(2, alice)
    fail(1, shop)

    retry_after(lambda: strict.send(alice))


def test_right_code_clears_consecutive_failures(
    strict, alice, check_request, outbox, fail
):
    fail(2, alice)
    strict.send(alice)
    assert strict.check(check_request(outbox.code)).approved

    fail(2, alice)

    strict.send(alice)


def test_deletion_by_an_operator_clears_consecutive_failures(
    strict, store, alice, fail
):
    fail(3, alice)

    PhoneInspector(
        store, store.limit_usage, store.guard, strict.peppers, strict.policy
    ).delete(alice.address, [""])

    strict.send(alice)


def test_consecutive_failures_expire_after_thirty_days(strict, alice, redis, fail):
    fail(3, alice)
    age(redis, timedelta(days=27))

    strict.send(alice)


def test_new_verifications_keep_consecutive_failures(
    engine, alice, check_request, outbox, redis
):
    # The default maximum is 100.
    engine = with_policy(engine, failed_checks_per_phone=Limit.parse("10/1h"))
    failed = 0
    while failed < 100:
        engine.send(alice)
        for _ in range(5):
            engine.check(check_request(different_code(*outbox.codes)))
            failed += 1
        age(redis, timedelta(hours=1))

    retry_after(lambda: engine.send(alice))
