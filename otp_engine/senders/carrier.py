"""What a new carrier has to be able to do."""

from __future__ import annotations

from typing import Protocol

from otp_engine.domain.messages import Message


class Carrier(Protocol):
    """Somebody who delivers messages, reached by one thread for each."""

    @property
    def name(self) -> str:
        """What operators call it."""

    def send(self, message: Message) -> None:
        """Return once it has accepted *message*.

        Raises:
            DeliveryFailed, NotServed, InvalidPhone, CarrierUnavailable,
            DeliveryUnconfirmed: As in `domain.ports.Sender.room`.
        """

    def ping(self) -> None:
        """Answer, if messages could be sent.

        Raises:
            CarrierUnavailable, DeliveryFailed: As in `domain.ports.Sender.ping`.
        """
