"""A null sender, for sandbox numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from otp_engine.domain.messages.templates import Message
from otp_engine.domain.models import Channel
from otp_engine.domain.ports import Accepted, Deliver


class NullSender:
    """Accepts every message and sends none."""

    reports_delivery = False

    def __init__(
        self, name: str = "null", channels: Sequence[Channel] = tuple(Channel)
    ) -> None:
        """Create the sender.

        Args:
            name: The name of the sender that it replaces.
            channels: The channels of that sender.
        """
        self.name = name
        self.channels = tuple(channels)

    @contextmanager
    def acquire_slot(self) -> Iterator[Deliver]:
        """Reserve a slot; there is no limit.

        Yields:
            A function that drops one message.
        """
        yield self._drop

    def ping(self) -> None:
        """Return at once."""

    def _drop(self, _message: Message) -> Accepted:
        """Drop the message; the operator has configured its code."""
        return Accepted(self.name)
