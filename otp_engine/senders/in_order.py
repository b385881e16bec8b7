"""Several senders, in order of preference."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress

from otp_engine.domain.messages import Message
from otp_engine.domain.ports import Sender
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

    def expect_room(self) -> None:
        """Refuse where each of them would."""
        *preferred, last = self.senders
        for sender in preferred:
            with suppress(CarrierUnavailable, Saturated):
                sender.expect_room()
                return
        last.expect_room()

    def send(self, message: Message) -> None:
        """Return once one of the senders has handed *message* over."""
        *preferred, last = self.senders
        for sender in preferred:
            try:
                sender.send(message)
            except (CarrierUnavailable, Saturated):
                log.warning("%s is away, trying the next sender", sender.name)
            except DeliveryFailed as refusal:
                if not refusal.elsewhere:
                    raise
                log.warning("%s refused, trying the next sender", sender.name)
            else:
                return
        last.send(message)

    def ping(self) -> None:
        """Answer, if every sender does."""
        for sender in self.senders:
            sender.ping()
