"""The console, several senders in order, and the cap on messages in flight."""

from __future__ import annotations

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from otp_engine import config, senders
from otp_engine.errors import (
    CarrierUnavailable,
    DeliveryFailed,
    DeliveryUnconfirmed,
    NumberTypeNotAllowed,
    Saturated,
)
from otp_engine.senders.breaker import Breaker
from otp_engine.senders.console import ConsoleSender
from otp_engine.senders.in_flight import InFlight
from otp_engine.senders.in_order import InOrder
from tests.fakes import MESSAGE, Outbox
from tests.twilio_server import ACCOUNT, SERVICE


def test_the_console_prints_the_text_and_only_the_masked_number():
    console = io.StringIO()

    ConsoleSender(console).send(MESSAGE)

    assert console.getvalue() == "SMS to +91******2345: 123456 is your Acme code.\n"


@pytest.mark.parametrize(
    "refusal", [CarrierUnavailable(), Saturated(), DeliveryFailed(elsewhere=True)]
)
def test_the_next_sender_is_tried_when_one_could_not(refusal):
    second = Outbox()

    InOrder([Outbox(refusal=refusal), second]).send(MESSAGE)

    assert second.messages == [MESSAGE]


@pytest.mark.parametrize(
    "refusal", [DeliveryUnconfirmed(), DeliveryFailed(), NumberTypeNotAllowed()]
)
def test_nobody_gets_two_messages_nor_is_a_number_tried_again(refusal):
    second = Outbox()

    with pytest.raises(type(refusal)):
        InOrder([Outbox(refusal=refusal), second]).send(MESSAGE)

    assert second.messages == []


@pytest.mark.parametrize("full", [CarrierUnavailable(), Saturated()])
def test_there_is_room_as_long_as_one_sender_has_some(full):
    InOrder([Outbox(full=full), Outbox()]).expect_room()
    InOrder([Outbox(), Outbox(full=full)]).expect_room()

    with pytest.raises(type(full)):
        InOrder([Outbox(full=full), Outbox(full=full)]).expect_room()


def test_the_preferred_sender_is_the_only_one_that_sends():
    first, second = Outbox(), Outbox()

    InOrder([first, second]).send(MESSAGE)

    assert (len(first.messages), len(second.messages)) == (1, 0)


def test_the_last_senders_refusal_is_the_answer():
    away = Outbox(refusal=CarrierUnavailable())

    with pytest.raises(DeliveryFailed):
        InOrder([away, Outbox(refusal=DeliveryFailed(elsewhere=True))]).send(MESSAGE)


class Slow:
    """A carrier that takes as long as the test wants."""

    name = "slow"

    def expect_room(self):
        return None

    def __init__(self):
        self.asked, self.let_go = threading.Semaphore(0), threading.Event()

    def send(self, message):
        self.asked.release()
        self.let_go.wait(10)

    def ping(self):
        return None


def test_a_message_too_many_is_refused_at_once_while_the_carrier_hangs():
    slow = Slow()
    capped = InFlight(slow, most=2)
    with ThreadPoolExecutor(2) as threads:
        hanging = [threads.submit(capped.send, MESSAGE) for _ in range(2)]
        for _ in hanging:
            slow.asked.acquire()

        with pytest.raises(Saturated):
            capped.expect_room()
        with pytest.raises(Saturated):
            capped.send(MESSAGE)

        slow.let_go.set()
    capped.expect_room()
    capped.send(MESSAGE)


def test_a_carrier_that_takes_too_long_is_waited_for_no_longer_and_keeps_its_place():
    slow = Slow()
    capped = InFlight(slow, most=1, patience=timedelta(milliseconds=20))

    with pytest.raises(DeliveryUnconfirmed):
        capped.send(MESSAGE)

    with pytest.raises(Saturated):
        capped.send(MESSAGE)
    slow.let_go.set()


def test_a_place_in_flight_is_free_again_after_a_refusal():
    outbox = Outbox(refusal=DeliveryFailed())
    capped = InFlight(outbox, most=1)

    for _ in range(3):
        with pytest.raises(DeliveryFailed):
            capped.send(MESSAGE)


def test_every_sender_is_asked_whether_it_answers():
    away = Outbox(refusal=CarrierUnavailable())

    with pytest.raises(CarrierUnavailable):
        InOrder([Outbox(), InFlight(away, most=1)]).ping()


def settings(**environ):
    return config.read({"OTP_DEV": "1", **environ})


def test_dev_prints_to_the_console():
    assert isinstance(senders.build(settings(), in_flight=1), ConsoleSender)


def test_senders_are_built_in_the_order_of_preference():
    built = senders.build(
        settings(
            OTP_SENDER="twilio,console",
            TWILIO_ACCOUNT_SID=ACCOUNT,
            TWILIO_AUTH_TOKEN="token",
            TWILIO_MESSAGING_SERVICE_SID=SERVICE,
        ),
        in_flight=1,
    )

    assert isinstance(built, InOrder)
    assert [type(sender) for sender in built.senders] == [Breaker, ConsoleSender]
