from __future__ import annotations

import pytest

from otp_engine.domain.failover import FailoverSender
from otp_engine.errors import (
    DeliveryFailed,
    DeliveryUnconfirmed,
    NumberTypeNotAllowed,
    Overloaded,
    ProviderUnavailable,
)
from tests.support.fakes import MESSAGE, FakeSender, deliver


def test_first_sender_with_slot_is_the_only_one_that_sends():
    first, second = FakeSender(), FakeSender()

    deliver(FailoverSender([first, second]))

    assert (first.messages, second.messages) == ([MESSAGE], [])


@pytest.mark.parametrize(
    "error", [ProviderUnavailable(), DeliveryFailed(retry_elsewhere=True)]
)
def test_message_that_was_not_sent_is_sent_by_next_sender(error):
    second = FakeSender(name="second")

    provider = deliver(FailoverSender([FakeSender(error=error), second]))

    assert second.messages == [MESSAGE]
    assert provider == "second"


@pytest.mark.parametrize(
    "error", [DeliveryUnconfirmed(), DeliveryFailed(), NumberTypeNotAllowed()]
)
def test_message_that_may_be_sent_or_was_rejected_is_not_sent_again(error):
    second = FakeSender()

    with pytest.raises(type(error)):
        deliver(FailoverSender([FakeSender(error=error), second]))

    assert second.messages == []


@pytest.mark.parametrize("error", [ProviderUnavailable(), Overloaded()])
def test_sender_without_slot_is_skipped(error):
    second = FakeSender()

    deliver(FailoverSender([FakeSender(full=error), second]))

    assert second.messages == [MESSAGE]


@pytest.mark.parametrize("error", [ProviderUnavailable(), Overloaded()])
def test_reservation_without_any_slot_raises_error_of_last_sender(error):
    senders = [FakeSender(full=ProviderUnavailable()), FakeSender(full=error)]

    with pytest.raises(type(error)), FailoverSender(senders).acquire_slot():
        pass


def test_message_that_no_sender_accepts_raises_error_of_last_sender():
    first = FakeSender(error=ProviderUnavailable())
    last = FakeSender(error=DeliveryFailed(retry_elsewhere=True))

    with pytest.raises(DeliveryFailed):
        deliver(FailoverSender([first, last]))


def test_ping_checks_every_sender():
    unreachable = FakeSender(error=ProviderUnavailable())

    with pytest.raises(ProviderUnavailable):
        FailoverSender([FakeSender(), unreachable]).ping()
