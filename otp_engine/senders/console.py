"""Prints the message. What you get in dev, and in the local stack."""

from __future__ import annotations

import sys
from typing import TextIO

from otp_engine.domain.messages import Message


class ConsoleSender:
    """A carrier that delivers to whoever reads the console."""

    name = "console"

    def __init__(self, stream: TextIO | None = None) -> None:
        """Print to *stream*, or to the standard output."""
        self._stream = stream or sys.stdout

    def send(self, message: Message) -> None:
        """Print one line: the masked number, and the text with its code."""
        line = f"{message.channel.upper()} to {message.masked}: {message.body}\n"
        self._stream.write(line)
        self._stream.flush()

    def ping(self) -> None:
        """Answer: a console is always there."""
