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
from otp_engine.senders.console import ConsoleSender
from otp_engine.senders.in_flight import InFlight
from otp_engine.senders.in_order import InOrder
from tests.fakes import MESSAGE, Outbox, deliver
from tests.twilio_server import ACCOUNT, SERVICE


def test_the_console_prints_the_text_and_only_the_masked_number():
    console = io.StringIO()

    ConsoleSender(console).send(MESSAGE)

    assert console.getvalue() == "SMS to +91******2345: 123456 is your Acme code.\n"


@pytest.mark.parametrize(
    "refusal", [CarrierUnavailable(), DeliveryFailed(elsewhere=True)]
)
def test_the_next_sender_is_tried_when_one_could_not(refusal):
    second = Outbox()

    deliver(InOrder([Outbox(refusal=refusal), second]))

    assert second.messages == [MESSAGE]


@pytest.mark.parametrize(
    "refusal", [DeliveryUnconfirmed(), DeliveryFailed(), NumberTypeNotAllowed()]
)
def test_nobody_gets_two_messages_nor_is_a_number_tried_again(refusal):
    second = Outbox()

    with pytest.raises(type(refusal)):
        deliver(InOrder([Outbox(refusal=refusal), second]))

    assert second.messages == []


@pytest.mark.parametrize("full", [CarrierUnavailable(), Saturated()])
def test_a_sender_without_room_is_passed_over(full):
    second = Outbox()

    deliver(InOrder([Outbox(full=full), second]))

    assert second.messages == [MESSAGE]


@pytest.mark.parametrize("full", [CarrierUnavailable(), Saturated()])
def test_there_is_no_room_once_the_last_sender_has_none(full):
    with pytest.raises(type(full)), InOrder([Outbox(full=full)] * 2).room():
        pass


def test_the_preferred_sender_is_the_only_one_that_sends():
    first, second = Outbox(), Outbox()

    deliver(InOrder([first, second]))

    assert (len(first.messages), len(second.messages)) == (1, 0)


def test_the_last_senders_refusal_is_the_answer():
    away = Outbox(refusal=CarrierUnavailable())

    with pytest.raises(DeliveryFailed):
        deliver(InOrder([away, Outbox(refusal=DeliveryFailed(elsewhere=True))]))


class Slow:
    """A carrier that takes as long as the test wants."""

    name = "slow"

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
        hanging = [threads.submit(deliver, capped) for _ in range(2)]
        for _ in hanging:
            slow.asked.acquire()

        with pytest.raises(Saturated):
            deliver(capped)

        slow.let_go.set()
    deliver(capped)


def test_a_carrier_that_takes_too_long_is_waited_for_no_longer_and_keeps_its_place():
    slow = Slow()
    capped = InFlight(slow, most=1, patience=timedelta(milliseconds=20))

    with pytest.raises(DeliveryUnconfirmed):
        deliver(capped)

    with pytest.raises(Saturated):
        deliver(capped)
    slow.let_go.set()


def test_a_place_is_taken_before_anything_is_handed_over():
    outbox = Outbox()
    capped = InFlight(outbox, most=1)

    with capped.room(), pytest.raises(Saturated):
        deliver(capped)

    deliver(capped)
    assert outbox.messages == [MESSAGE]


def test_a_place_in_flight_is_free_again_after_a_refusal():
    outbox = Outbox(refusal=DeliveryFailed())
    capped = InFlight(outbox, most=1)

    for _ in range(3):
        with pytest.raises(DeliveryFailed):
            deliver(capped)


def test_every_sender_is_asked_whether_it_answers():
    away = Outbox(refusal=CarrierUnavailable())

    with pytest.raises(CarrierUnavailable):
        InOrder([Outbox(), InFlight(away, most=1)]).ping()


def settings(**environ):
    return config.load({"OTP_DEV": "1", **environ})


def test_dev_prints_to_the_console(capsys):
    deliver(senders.build(settings(), in_flight=1))

    assert (
        capsys.readouterr().out == "SMS to +91******2345: 123456 is your Acme code.\n"
    )


def test_senders_are_built_in_the_order_of_preference():
    built = senders.build(
        settings(
            OTP_SENDER="twilio,console",
            OTP_API_KEYS="shop:shop-secret-0123456789abcdef",
            TWILIO_ACCOUNT_SID=ACCOUNT,
            TWILIO_AUTH_TOKEN="token",
            TWILIO_MESSAGING_SERVICE_SID=SERVICE,
        ),
        in_flight=1,
    )

    assert built.name == "twilio,console"
