"""A copy of each message, for whoever develops without a phone."""

from __future__ import annotations

from collections.abc import Callable

from otp_engine.domain.messages import Message
from otp_engine.senders.carrier import Carrier


class Kept:
    """Keeps each message that the carrier behind it has accepted."""

    def __init__(self, carrier: Carrier, keep: Callable[[Message], None]) -> None:
        """Send by *carrier*, and *keep* what it accepts."""
        self.name = carrier.name
        self._carrier = carrier
        self._keep = keep

    def send(self, message: Message) -> None:
        """Return once it is sent and kept."""
        self._carrier.send(message)
        self._keep(message)

    def ping(self) -> None:
        """Answer, if the carrier does."""
        self._carrier.ping()
