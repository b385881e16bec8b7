from __future__ import annotations

import pytest

from otp_engine.errors import (
    CarrierUnavailable,
    DeliveryFailed,
    DeliveryUnconfirmed,
    NumberTypeNotAllowed,
    Saturated,
)
from otp_engine.senders.failover import FailoverSender
from tests.fakes import MESSAGE, Outbox, deliver


def test_first_sender_with_slot_is_the_only_one_that_sends():
    first, second = Outbox(), Outbox()

    deliver(FailoverSender([first, second]))

    assert (first.messages, second.messages) == ([MESSAGE], [])


@pytest.mark.parametrize(
    "error", [CarrierUnavailable(), DeliveryFailed(elsewhere=True)]
)
def test_message_that_was_not_sent_is_sent_by_next_sender(error):
    second = Outbox()

    deliver(FailoverSender([Outbox(refusal=error), second]))

    assert second.messages == [MESSAGE]


@pytest.mark.parametrize(
    "error", [DeliveryUnconfirmed(), DeliveryFailed(), NumberTypeNotAllowed()]
)
def test_message_that_may_be_sent_or_was_rejected_is_not_sent_again(error):
    second = Outbox()

    with pytest.raises(type(error)):
        deliver(FailoverSender([Outbox(refusal=error), second]))

    assert second.messages == []


@pytest.mark.parametrize("error", [CarrierUnavailable(), Saturated()])
def test_sender_without_slot_is_skipped(error):
    second = Outbox()

    deliver(FailoverSender([Outbox(full=error), second]))

    assert second.messages == [MESSAGE]


@pytest.mark.parametrize("error", [CarrierUnavailable(), Saturated()])
def test_reservation_without_any_slot_raises_error_of_last_sender(error):
    senders = [Outbox(full=CarrierUnavailable()), Outbox(full=error)]

    with pytest.raises(type(error)), FailoverSender(senders).room():
        pass


def test_message_that_no_sender_accepts_raises_error_of_last_sender():
    first = Outbox(refusal=CarrierUnavailable())
    last = Outbox(refusal=DeliveryFailed(elsewhere=True))

    with pytest.raises(DeliveryFailed):
        deliver(FailoverSender([first, last]))


def test_ping_checks_every_sender():
    unreachable = Outbox(refusal=CarrierUnavailable())

    with pytest.raises(CarrierUnavailable):
        FailoverSender([Outbox(), unreachable]).ping()
