"""A provider that prints messages, for development and the local stack."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TextIO

from otp_engine.domain.messages.templates import Message
from otp_engine.domain.models import Channel
from otp_engine.errors import ProviderUnavailable

log = logging.getLogger(__name__)


class ConsoleProvider:
    """Prints each message on one line, as text on a terminal and as JSON elsewhere.

    The log has the same two formats, so that a file with both is JSON lines.
    """

    name = "console"
    channels = tuple(Channel)
    has_deadline = False
    reports_delivery = False

    def __init__(
        self,
        stream: TextIO | None = None,
        utcnow: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Create the provider.

        Args:
            stream: Receives the lines; the standard output by default.
            utcnow: Returns the time in UTC.
        """
        self._stream = stream or sys.stdout
        self._utcnow = utcnow

    def send(self, message: Message) -> None:
        """Print the masked number, and the text with its code.

        Raises:
            ProviderUnavailable: The stream cannot be written, such as a full disk.
        """
        text = f"{message.channel.upper()} to {message.masked}: {message.body}"
        line = text if self._stream.isatty() else self._json(text)
        try:
            self._stream.write(f"{line}\n")
            self._stream.flush()
        except OSError as error:
            log.warning("console: not printed: %s", error.strerror)
            raise ProviderUnavailable from None

    def ping(self) -> None:
        """Return at once: the console is always available."""

    def _json(self, text: str) -> str:
        """Return *text* as a line with the fields of the log."""
        time = self._utcnow().isoformat(timespec="milliseconds")
        fields = {
            "time": time.replace("+00:00", "Z"),
            "level": "info",
            "logger": __name__,
            "message": text,
        }
        return json.dumps(fields)
