"""A circuit breaker: a carrier that is down is left alone, and asked now and then."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from otp_engine.domain.messages import Message
from otp_engine.domain.ports import Handover, Sender
from otp_engine.errors import (
    CarrierUnavailable,
    DeliveryUnconfirmed,
    OTPError,
)
from otp_engine.resilience.circuit_breaker import CircuitBreaker

log = logging.getLogger(__name__)


class Breaker:
    """Refuses at once while the carrier behind it does not answer.

    Silence, a server error and "too many requests" are failures. A refused message is
    an answer like any other, and having no place left says nothing of the carrier.
    """

    def __init__(self, sender: Sender, circuit: CircuitBreaker) -> None:
        """Send by *sender*, as long as *circuit* lets messages through."""
        self.name = sender.name
        self._sender = sender
        self._circuit = circuit

    @contextmanager
    def room(self) -> Iterator[Handover]:
        """Keep a place, unless the circuit is open.

        Nobody finds out whether the carrier is back by having a place: a limit may
        still refuse the message.

        Raises:
            CarrierUnavailable: It is open, for another `retry_after`.
        """
        if left := self._circuit.open_for():
            raise CarrierUnavailable(retry_after=left)
        with self._sender.room() as hand_over:
            yield partial(self._hand_over, hand_over)

    def _hand_over(self, hand_over: Handover, message: Message) -> None:
        if not self._circuit.try_acquire():
            raise CarrierUnavailable(retry_after=self._circuit.open_for())
        try:
            hand_over(message)
        except (CarrierUnavailable, DeliveryUnconfirmed):
            if self._circuit.record_failure():
                log.error("%s: circuit open", self.name)  # noqa: TRY400 - the errors themselves are logged where they happen
            raise
        except OTPError:
            self._circuit.record_success()
            raise
        self._circuit.record_success()

    def ping(self) -> None:
        """Answer, if the sender behind it does."""
        self._sender.ping()
