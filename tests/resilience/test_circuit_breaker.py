from __future__ import annotations

from datetime import timedelta

import pytest

from otp_engine.resilience.circuit_breaker import CircuitBreaker
from tests.support.clock import Clock

RESET_TIMEOUT = timedelta(seconds=10)
ZERO = timedelta()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def breaker(clock):
    return CircuitBreaker(3, RESET_TIMEOUT, clock)


@pytest.fixture
def open_breaker(breaker):
    record_failures(breaker, 3)
    return breaker


def record_failures(breaker, count):
    return [breaker.record_failure() for _ in range(count)]


def test_closed_breaker_admits_every_call(breaker):
    assert [breaker.try_acquire(), breaker.try_acquire()] == [True, True]
    assert breaker.open_for() == ZERO


def test_failures_at_threshold_open_breaker_once(breaker):
    opened = record_failures(breaker, 4)

    assert opened == [False, False, True, False]
    assert breaker.open_for() == RESET_TIMEOUT


def test_success_between_failures_restarts_count(breaker):
    record_failures(breaker, 2)
    breaker.record_success()
    record_failures(breaker, 2)

    assert breaker.try_acquire()


def test_open_breaker_rejects_calls_for_rest_of_reset_timeout(open_breaker, clock):
    clock.now += 4

    assert not open_breaker.try_acquire()
    assert open_breaker.open_for() == timedelta(seconds=6)


def test_open_breaker_admits_one_probe_after_reset_timeout(open_breaker, clock):
    clock.now += 10

    assert [open_breaker.try_acquire(), open_breaker.try_acquire()] == [True, False]
    assert open_breaker.open_for() == RESET_TIMEOUT


def test_reading_remaining_time_uses_no_probe(open_breaker, clock):
    clock.now += 10

    assert open_breaker.open_for() == ZERO
    assert open_breaker.try_acquire()


def test_failed_probe_keeps_breaker_open_for_reset_timeout(open_breaker, clock):
    clock.now += 10
    open_breaker.try_acquire()
    clock.now += 1

    open_breaker.record_failure()

    assert open_breaker.open_for() == RESET_TIMEOUT


def test_probe_without_result_is_replaced_after_reset_timeout(open_breaker, clock):
    clock.now += 10
    open_breaker.try_acquire()
    clock.now += 10

    assert open_breaker.try_acquire()


def test_successful_probe_closes_breaker(open_breaker, clock):
    clock.now += 10
    open_breaker.try_acquire()

    open_breaker.record_success()

    assert [open_breaker.try_acquire(), open_breaker.try_acquire()] == [True, True]
