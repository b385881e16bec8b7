"""SMTP over one connection, with a deadline for all its commands.

The timeout of `smtplib` applies to each piece of a reply. A server that replies one
byte at a time never triggers it, and would hold its thread forever.
"""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING

from otp_engine.config.settings import SmtpSettings

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_RECEIVE_BYTES = 4096
_MAX_REPLY_BYTES = 65_536
# Seconds for one address of the host, so that a second one gets a part of the time.
_ADDRESS_TIMEOUT = 3.0


class SmtpConnection(smtplib.SMTP):
    """A connection to one server, on which every call ends at a deadline."""

    def __init__(
        self,
        settings: SmtpSettings,
        tls: ssl.SSLContext,
        *,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Create the connection, without opening it.

        Args:
            settings: The server.
            tls: The context of TLS, with or without STARTTLS.
            clock: Returns monotonic seconds.
        """
        # With a name, the constructor looks up none. `_get_socket` replaces it.
        super().__init__(local_hostname="localhost")
        self._host = settings.host
        self._port = settings.port
        self._wrap = tls.wrap_socket if settings.tls == "implicit" else None
        self._clock = clock
        self._deadline = 0.0

    def set_deadline(self, seconds: float) -> None:
        """Set the time from now at which every call ends."""
        self._deadline = self._clock() + seconds

    def remaining(self) -> float:
        """Return the seconds until the deadline.

        Raises:
            TimeoutError: The deadline is over.
        """
        if (seconds := self._deadline - self._clock()) <= 0:
            raise TimeoutError
        return seconds

    def open(self) -> tuple[int, bytes]:
        """Connect, with TLS if it is implicit.

        Returns:
            The code and the text of the greeting.

        Raises:
            OSError, SMTPException: The server cannot be reached, or closes.
        """
        return self.connect(self._host, self._port)

    def getreply(self) -> tuple[int, bytes]:
        """Read a reply before the deadline; see `smtplib.SMTP.getreply`."""
        if self.file is None and self.sock:
            self.file = _ReplyReader(self.sock, self.remaining)
        if self.file:
            self.file.start()
        return super().getreply()

    def send(self, s: ReadableBuffer | str) -> None:
        """Send *s* before the deadline; see `smtplib.SMTP.send`."""
        if self.sock:
            self.sock.settimeout(self.remaining())
        super().send(s)

    def hang_up(self) -> None:
        """Send QUIT if the connection is open, and close it without a reply."""
        with suppress(OSError, smtplib.SMTPException):
            self.putcmd("QUIT")
        self.close()

    def _get_socket(self, host: str, port: int, _timeout: float) -> socket.socket:
        timeout = min(_ADDRESS_TIMEOUT, self.remaining())
        sock = socket.create_connection((host, port), timeout)
        # An address needs no lookup of the name of this machine (RFC 5321, 4.1.4).
        own = str(sock.getsockname()[0])
        self.local_hostname = f"[IPv6:{own}]" if ":" in own else f"[{own}]"
        if self._wrap:
            sock.settimeout(self.remaining())
            return self._wrap(sock, server_hostname=host)
        return sock


class _ReplyReader:
    """Reads the lines of replies, each before the deadline and up to a size."""

    def __init__(self, sock: socket.socket, remaining: Callable[[], float]) -> None:
        self._socket = sock
        self._remaining = remaining
        self._received = b""
        self._bytes_left = 0

    def start(self) -> None:
        """Start a reply."""
        self._bytes_left = _MAX_REPLY_BYTES

    def readline(self, _limit: int) -> bytes:
        """Read a line; see `io.IOBase.readline`."""
        while b"\n" not in self._received:
            self._socket.settimeout(self._remaining())
            if not (data := self._socket.recv(_RECEIVE_BYTES)):
                return b""
            self._received += data
            self._bytes_left -= len(data)
            if self._bytes_left < 0:
                raise OSError("The reply is too long.")
        line, end, self._received = self._received.partition(b"\n")
        # A handshake of TLS can follow this line, with the timeout of the socket.
        self._socket.settimeout(self._remaining())
        return line + end

    def close(self) -> None:
        """Do nothing: the connection closes the socket."""
