from __future__ import annotations

import threading
from contextvars import ContextVar

import pytest

from otp_engine.errors import Overloaded
from otp_engine.resilience.time_limit import call_within

LONG = 10
SHORT = 0.02
REQUEST_ID: ContextVar[str] = ContextVar("request_id")


def call(function, seconds=LONG, **options):
    return call_within(seconds, function, thread_name="calling", **options)


def test_result_of_the_function_is_returned():
    assert call(lambda: 42) == 42


def test_function_runs_in_a_thread_with_the_given_name():
    assert call(lambda: threading.current_thread().name) == "calling"


def test_function_has_the_context_of_the_caller():
    REQUEST_ID.set("r1")

    assert call(REQUEST_ID.get) == "r1"


def test_error_of_the_function_is_raised():
    with pytest.raises(ZeroDivisionError):
        call(lambda: 1 / 0)


def test_function_that_takes_too_long_raises_timeout():
    released = threading.Event()

    with pytest.raises(TimeoutError):
        call(released.wait, SHORT)

    released.set()


def test_late_result_is_passed_on():
    released, passed = threading.Event(), threading.Event()
    results = []

    def receive(result):
        results.append(result)
        passed.set()

    with pytest.raises(TimeoutError):
        call(released.wait, SHORT, on_late_result=receive)
    released.set()

    assert passed.wait(LONG)
    assert results == [True]


def test_result_in_time_is_not_passed_on():
    results: list[int] = []

    call(lambda: 42, on_late_result=results.append)

    assert results == []


def test_late_error_is_dropped():
    released = threading.Event()
    results: list[int] = []

    def fail():
        released.wait(LONG)
        raise ZeroDivisionError

    with pytest.raises(TimeoutError):
        call_within(SHORT, fail, thread_name="failing", on_late_result=results.append)
    [thread] = [each for each in threading.enumerate() if each.name == "failing"]
    released.set()
    thread.join()

    assert results == []


def test_function_is_not_called_without_a_thread():
    calls = []
    # The kernel has no address space for such a stack, so no thread can start.
    before = threading.stack_size(1 << 47)
    try:
        with pytest.raises(Overloaded):
            call(lambda: calls.append(1))
    finally:
        threading.stack_size(before)

    assert calls == []
