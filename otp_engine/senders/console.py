"""A provider that prints messages, for development and the local stack."""

from __future__ import annotations

import sys
from typing import TextIO

from otp_engine.domain.messages.templates import Message


class ConsoleProvider:
    """Prints each message on one line of the console."""

    name = "console"

    def __init__(self, stream: TextIO | None = None) -> None:
        """Create the provider.

        Args:
            stream: Receives the lines; the standard output by default.
        """
        self._stream = stream or sys.stdout

    def send(self, message: Message) -> None:
        """Print the masked number, and the text with its code."""
        line = f"{message.channel.upper()} to {message.masked}: {message.body}\n"
        self._stream.write(line)
        self._stream.flush()

    def ping(self) -> None:
        """Return at once: the console is always available."""
