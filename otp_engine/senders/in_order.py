"""Several senders, in order of preference."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial

from otp_engine.domain.messages import Message
from otp_engine.domain.ports import Handover, Sender
from otp_engine.errors import CarrierUnavailable, DeliveryFailed, Saturated

log = logging.getLogger(__name__)


class InOrder:
    """Tries the next sender where one could not, and the message surely did not leave.

    Silence is not a reason to go on: the person would get two messages, and the
    operator two bills. Nor is a refusal that was about the number.
    """

    def __init__(self, senders: Sequence[Sender]) -> None:
        """Prefer *senders* in their order; there is at least one."""
        self.senders = tuple(senders)
        self.name = ",".join(sender.name for sender in senders)

    @contextmanager
    def room(self) -> Iterator[Handover]:
        """Keep a place with the first that has one.

        Raises:
            CarrierUnavailable, Saturated: None has, and so says the last.
        """
        with ExitStack() as kept:
            first, others = self._first_with_room(kept)
            yield partial(self._hand_over, first, others)

    def ping(self) -> None:
        """Answer, if every sender does."""
        for sender in self.senders:
            sender.ping()

    def _first_with_room(self, kept: ExitStack) -> tuple[Handover, Sequence[Sender]]:
        *preferred, last = self.senders
        for n, sender in enumerate(preferred, start=1):
            with suppress(CarrierUnavailable, Saturated):
                return kept.enter_context(sender.room()), self.senders[n:]
            log.warning("%s is away, trying the next sender", sender.name)
        return kept.enter_context(last.room()), ()

    def _hand_over(
        self, hand_over: Handover, others: Sequence[Sender], message: Message
    ) -> None:
        try:
            hand_over(message)
        except (CarrierUnavailable, DeliveryFailed) as refusal:
            if not others or not _goes_elsewhere(refusal):
                raise
            log.warning("%s, trying the next sender", refusal.name)
            with InOrder(others).room() as hand_over_next:
                hand_over_next(message)


def _goes_elsewhere(refusal: CarrierUnavailable | DeliveryFailed) -> bool:
    return isinstance(refusal, CarrierUnavailable) or refusal.elsewhere
