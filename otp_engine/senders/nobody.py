"""Delivers nothing, for numbers that nobody has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from otp_engine.domain.messages import Message
from otp_engine.domain.ports import Handover


class Nobody:
    """A sender that accepts everything and sends nothing."""

    name = "nobody"

    @contextmanager
    def room(self) -> Iterator[Handover]:
        """There always is some."""
        yield self._drop

    def ping(self) -> None:
        """Always."""

    def _drop(self, message: Message) -> None:
        """The code is known to whoever set the number up."""
