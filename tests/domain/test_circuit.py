from __future__ import annotations

from datetime import timedelta

import pytest

from otp_engine.domain.circuit import Circuit
from tests.clock import Clock

PAUSE = timedelta(seconds=10)
NOTHING = timedelta()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def circuit(clock):
    return Circuit(3, PAUSE, clock)


def fail(circuit, times):
    return [circuit.failed() for _ in range(times)]


def test_it_opens_after_so_many_failures_in_a_row_and_says_so_once(circuit):
    assert fail(circuit, 4) == [False, False, True, False]
    assert circuit.wait() == PAUSE


def test_an_answer_in_between_starts_the_count_again(circuit):
    fail(circuit, 2)
    circuit.answered()
    fail(circuit, 2)

    assert circuit.wait() == NOTHING


def test_it_says_how_long_the_rest_of_the_pause_is(circuit, clock):
    fail(circuit, 3)
    clock.now += 4

    assert circuit.wait() == timedelta(seconds=6)


def test_after_the_pause_one_finds_out_and_the_others_go_on_waiting(circuit, clock):
    fail(circuit, 3)
    clock.now += 10

    assert [circuit.wait(), circuit.wait()] == [NOTHING, PAUSE]


def test_whoever_finds_out_in_vain_keeps_it_open(circuit, clock):
    fail(circuit, 3)
    clock.now += 10
    circuit.wait()
    clock.now += 1
    circuit.failed()

    assert circuit.wait() == PAUSE


def test_whoever_finds_out_and_never_says_is_followed_by_another(circuit, clock):
    fail(circuit, 3)
    clock.now += 10
    circuit.wait()
    clock.now += 10

    assert circuit.wait() == NOTHING


def test_the_first_answer_lets_everybody_through_again(circuit, clock):
    fail(circuit, 3)
    clock.now += 10
    circuit.wait()
    circuit.answered()

    assert [circuit.wait(), circuit.wait()] == [NOTHING, NOTHING]
