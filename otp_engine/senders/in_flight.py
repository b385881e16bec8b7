"""A cap on the messages being handed over at once, and on how long that takes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
from threading import BoundedSemaphore

from otp_engine.domain.messages import Message
from otp_engine.domain.ports import Sender
from otp_engine.errors import DeliveryUnconfirmed, Saturated

# A carrier's own timeouts are for each piece of an answer, and one that sends it a
# byte at a time would never trip them.
_PATIENCE = timedelta(seconds=12)


class InFlight:
    """Lets at most so many messages wait for the carrier behind it, each so long.

    A carrier that hangs holds a thread for each message. Without a cap it soon holds
    all of them, and then nobody can check a code either.
    """

    def __init__(
        self, sender: Sender, most: int, *, patience: timedelta = _PATIENCE
    ) -> None:
        """Let *most* messages at a time wait for *sender*, each for *patience*."""
        self.name = sender.name
        self._sender = sender
        self._patience = patience.total_seconds()
        self._places = BoundedSemaphore(most)
        self._threads = ThreadPoolExecutor(most, thread_name_prefix="sending")

    def expect_room(self) -> None:
        """Refuse while every place is taken."""
        if not self._places.acquire(blocking=False):
            raise Saturated
        self._places.release()
        self._sender.expect_room()

    def send(self, message: Message) -> None:
        """Hand *message* on, or refuse at once when too many are waiting.

        Raises:
            Saturated: There was no place; nothing was sent.
            DeliveryUnconfirmed: It took too long; it goes on, and keeps its place.
        """
        if not self._places.acquire(blocking=False):
            raise Saturated
        handing = self._threads.submit(self._hand_over, message)
        if not wait([handing], self._patience).done:
            raise DeliveryUnconfirmed
        handing.result()

    def ping(self) -> None:
        """Answer, if the sender behind it does."""
        self._sender.ping()

    def _hand_over(self, message: Message) -> None:
        try:
            self._sender.send(message)
        finally:
            self._places.release()
