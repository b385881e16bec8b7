"""A cap on the messages that are being handed over at once."""

from __future__ import annotations

from threading import BoundedSemaphore

from otp_engine.domain.messages import Message
from otp_engine.domain.ports import Sender
from otp_engine.errors import CarrierUnavailable


class InFlight:
    """Lets at most so many messages wait for the carrier behind it.

    A carrier that hangs holds a thread for each message until its timeout. Without a
    cap it soon holds all of them, and then nobody can check a code either.
    """

    def __init__(self, sender: Sender, most: int) -> None:
        """Let *most* messages at a time wait for *sender*."""
        self._sender = sender
        self._places = BoundedSemaphore(most)

    def send(self, message: Message) -> None:
        """Hand *message* on, or refuse at once when too many are waiting.

        Raises:
            CarrierUnavailable: There was no place; nothing was sent.
        """
        if not self._places.acquire(blocking=False):
            raise CarrierUnavailable
        try:
            self._sender.send(message)
        finally:
            self._places.release()

    def ping(self) -> None:
        """Answer, if the sender behind it does."""
        self._sender.ping()
