"""A null sender, for sandbox numbers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from otp_engine.domain.messages.templates import Message
from otp_engine.domain.ports import Deliver


class NullSender:
    """Accepts every message and sends none."""

    name = "null"

    @contextmanager
    def acquire_slot(self) -> Iterator[Deliver]:
        """Reserve a slot; there is no limit.

        Yields:
            A function that drops one message.
        """
        yield self._drop

    def ping(self) -> None:
        """Return at once."""

    def _drop(self, _message: Message) -> str:
        """Drop the message; the operator has configured its code."""
        return self.name
