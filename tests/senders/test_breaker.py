from __future__ import annotations

from datetime import timedelta

import pytest

from otp_engine.errors import (
    CarrierUnavailable,
    DeliveryFailed,
    DeliveryUnconfirmed,
    NumberTypeNotAllowed,
    Saturated,
)
from otp_engine.resilience.circuit_breaker import CircuitBreaker
from otp_engine.senders.breaker import Breaker
from tests.clock import Clock
from tests.fakes import MESSAGE, deliver

PAUSE = timedelta(seconds=10)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def breaker(outbox, clock):
    return Breaker(outbox, CircuitBreaker(2, PAUSE, clock))


def refused_with(breaker, outbox, refusal, times=2):
    outbox.refusal = refusal
    for _ in range(times):
        with pytest.raises(type(refusal)):
            deliver(breaker)
    outbox.refusal = None


@pytest.mark.parametrize("failure", [DeliveryUnconfirmed(), CarrierUnavailable()])
def test_a_carrier_that_fails_again_and_again_is_left_alone(breaker, outbox, failure):
    refused_with(breaker, outbox, failure)

    with pytest.raises(CarrierUnavailable) as refusal:
        deliver(breaker)

    assert outbox.messages == []
    assert refusal.value.retry_after == PAUSE


@pytest.mark.parametrize(
    "answer", [DeliveryFailed(elsewhere=True), NumberTypeNotAllowed()]
)
def test_a_refused_message_leaves_the_circuit_closed(breaker, outbox, answer):
    refused_with(breaker, outbox, answer, times=9)

    deliver(breaker)

    assert outbox.messages == [MESSAGE]


def test_a_lack_of_places_says_nothing_of_the_carrier(breaker, outbox):
    outbox.full = Saturated()
    for _ in range(9):
        with pytest.raises(Saturated):
            deliver(breaker)
    outbox.full = None

    deliver(breaker)

    assert outbox.messages == [MESSAGE]


@pytest.mark.parametrize("answer", [DeliveryFailed(), None])
def test_any_answer_in_between_starts_the_count_again(breaker, outbox, answer):
    refused_with(breaker, outbox, DeliveryUnconfirmed(), times=1)
    if answer:
        refused_with(breaker, outbox, answer, times=1)
    else:
        deliver(breaker)
    refused_with(breaker, outbox, DeliveryUnconfirmed(), times=1)

    deliver(breaker)

    assert outbox.messages[-1] == MESSAGE


def test_after_the_pause_one_message_finds_out_whether_the_carrier_is_back(
    breaker, outbox, clock
):
    refused_with(breaker, outbox, DeliveryUnconfirmed())
    clock.now += 10
    refused_with(breaker, outbox, DeliveryUnconfirmed(), times=1)
    with pytest.raises(CarrierUnavailable):
        deliver(breaker)
    clock.now += 10

    deliver(breaker)
    deliver(breaker)

    assert outbox.messages == [MESSAGE] * 2


def test_while_the_circuit_is_open_there_is_no_room(breaker, outbox):
    refused_with(breaker, outbox, DeliveryUnconfirmed())

    with pytest.raises(CarrierUnavailable) as refusal, breaker.room():
        pass

    assert refusal.value.retry_after == PAUSE


def test_having_a_place_is_not_how_a_carrier_is_tried_again(breaker, outbox, clock):
    refused_with(breaker, outbox, DeliveryUnconfirmed())
    clock.now += 10
    with breaker.room():
        pass

    deliver(breaker)

    assert outbox.messages == [MESSAGE]


def test_a_place_is_worth_nothing_once_the_circuit_has_opened(breaker, outbox):
    with breaker.room() as hand_over:
        refused_with(breaker, outbox, DeliveryUnconfirmed())

        with pytest.raises(CarrierUnavailable):
            hand_over(MESSAGE)

    assert outbox.messages == []


def test_opening_is_logged_once_with_the_name_of_the_carrier(breaker, outbox, caplog):
    refused_with(breaker, outbox, DeliveryUnconfirmed())

    assert [line.getMessage() for line in caplog.records] == ["outbox: circuit open"]


def test_it_answers_as_the_sender_behind_it(breaker, outbox):
    outbox.refusal = CarrierUnavailable()

    with pytest.raises(CarrierUnavailable):
        breaker.ping()
