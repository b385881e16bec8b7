"""A cap on the messages being handed over at once, and on how long that takes."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import partial
from threading import BoundedSemaphore

from otp_engine.domain.messages import Message
from otp_engine.domain.ports import Handover
from otp_engine.errors import DeliveryUnconfirmed, Saturated
from otp_engine.senders.carrier import Carrier

# A carrier's own timeouts are for each piece of an answer, and one that sends it a
# byte at a time would never trip them.
_PATIENCE = timedelta(seconds=12)


class InFlight:
    """Lets at most so many messages wait for the carrier behind it, each so long.

    A carrier that hangs holds a thread for each message. Without a cap it soon holds
    all of them, and then nobody can check a code either.
    """

    def __init__(
        self, carrier: Carrier, most: int, *, patience: timedelta = _PATIENCE
    ) -> None:
        """Let *most* messages at a time wait for *carrier*, each for *patience*."""
        self.name = carrier.name
        self._carrier = carrier
        self._patience = patience.total_seconds()
        self._places = BoundedSemaphore(most)
        self._threads = ThreadPoolExecutor(most, thread_name_prefix="sending")

    @contextmanager
    def room(self) -> Iterator[Handover]:
        """Keep a place for one message.

        A message that takes too long goes on, and keeps its place.

        Raises:
            Saturated: Every place is taken.
        """
        if not self._places.acquire(blocking=False):
            raise Saturated
        with ExitStack() as place:
            place.callback(self._places.release)
            yield partial(self._hand_over, place)

    def ping(self) -> None:
        """Answer, if the carrier does."""
        self._carrier.ping()

    def _hand_over(self, place: ExitStack, message: Message) -> None:
        handing = self._threads.submit(self._send, place.pop_all(), message)
        if not wait([handing], self._patience).done:
            raise DeliveryUnconfirmed
        handing.result()

    def _send(self, place: ExitStack, message: Message) -> None:
        with place:
            self._carrier.send(message)
