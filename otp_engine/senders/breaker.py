"""A circuit breaker: a carrier that is down is left alone, and asked now and then."""

from __future__ import annotations

import logging

from otp_engine.domain.circuit import Circuit
from otp_engine.domain.messages import Message
from otp_engine.domain.ports import Sender
from otp_engine.errors import (
    CarrierUnavailable,
    DeliveryUnconfirmed,
    OTPError,
    Saturated,
)

log = logging.getLogger(__name__)


class Breaker:
    """Refuses at once while the carrier behind it does not answer.

    Silence, a server error and "too many requests" are failures. A refused message is
    an answer like any other, and having no place left says nothing of the carrier.
    """

    def __init__(self, sender: Sender, circuit: Circuit) -> None:
        """Send by *sender*, as long as *circuit* lets messages through."""
        self.name = sender.name
        self._sender = sender
        self._circuit = circuit

    def expect_room(self) -> None:
        """Refuse while the circuit is open, and let nobody find out by that."""
        if left := self._circuit.left():
            raise CarrierUnavailable(retry_after=left)
        self._sender.expect_room()

    def send(self, message: Message) -> None:
        """Hand *message* on, unless the circuit is open.

        Raises:
            CarrierUnavailable: It is, for another `retry_after`; nothing was sent.
        """
        if wait := self._circuit.wait():
            raise CarrierUnavailable(retry_after=wait)
        try:
            self._sender.send(message)
        except Saturated:
            raise
        except (CarrierUnavailable, DeliveryUnconfirmed):
            if self._circuit.failed():
                log.error("%s: circuit open", self.name)  # noqa: TRY400 - the errors themselves are logged where they happen
            raise
        except OTPError:
            self._circuit.answered()
            raise
        self._circuit.answered()

    def ping(self) -> None:
        """Answer, if the sender behind it does."""
        self._sender.ping()
