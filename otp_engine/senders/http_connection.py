"""HTTP/1.1 over one connection, with a deadline for each response.

The timeouts of `http.client` and of urllib3 apply to each piece of a response. A
response that arrives one byte at a time never triggers them, so each request would need
a second thread that waits for the first. They also use an email parser for the headers:
a request through urllib3 takes four times as much CPU as one through this module.
"""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from socket import socket
from time import monotonic

MAX_BODY_BYTES = 1_048_576
"""The longest body of a response, unless the connection has another maximum."""

_RECEIVE_BYTES = 65_536
_MAX_HEAD_BYTES = 65_536
_HEAD_END = b"\r\n\r\n"
_STATUS_LINE = re.compile(rb"HTTP/1\.(?P<minor>[01]) (?P<status>[1-9][0-9]{2})(?: |$)")
# `int` also accepts signs, underscores and 0x.
_SIZES = {10: re.compile(rb"[0-9]{1,9}"), 16: re.compile(rb"[0-9A-Fa-f]{1,9}")}
_NO_BODY = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})


class MalformedResponse(Exception):
    """The server sent no complete HTTP/1.1 response."""


class _Closed(MalformedResponse):
    """The server closed the connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    """The start of a response.

    Attributes:
        status: The status code.
        headers: The headers, with names in lower case.
        keeps_open: Whether the server keeps the connection open after the body.
    """

    status: int
    headers: dict[bytes, bytes]
    keeps_open: bool


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A response.

    Attributes:
        status: Its status code.
        body: Its body, without a transfer coding.
        headers: Its headers, with names in lower case; the last one of each name.
    """

    status: int
    body: bytes = field(repr=False)

    def json_object(self) -> dict[str, object]:
        """Return the JSON object in the body; an empty one if it has none."""
        try:
            document = json.loads(self.body.decode(errors="replace"))
        except (ValueError, RecursionError):
            return {}
        return document if isinstance(document, dict) else {}

    headers: Mapping[bytes, bytes] = field(default_factory=dict, repr=False)

    def header(self, name: str) -> str:
        """Return the value of a header; an empty text without it.

        Args:
            name: Its name, in any case.
        """
        return self.headers.get(name.lower().encode(), b"").decode("latin-1")


class HttpConnection:
    """An established connection, for one request at a time.

    Attributes:
        is_reusable: Whether another request can be sent. The last response was
            complete, and the server keeps the connection open.
        idle_since: Monotonic seconds at the end of its last request.
    """

    def __init__(
        self,
        connected: socket,
        *,
        idle_since: float = 0.0,
        max_body_bytes: int = MAX_BODY_BYTES,
    ) -> None:
        """Create the connection.

        Args:
            connected: The connected socket, with TLS for `https`. The connection closes
                it.
            idle_since: Monotonic seconds now.
            max_body_bytes: The longest body of a response.
        """
        self._socket = connected
        self._max_body_bytes = max_body_bytes
        self._received = b""
        self._deadline = 0.0
        self.is_reusable = True
        self.idle_since = idle_since

    def exchange(self, request: bytes, seconds: float) -> HttpResponse:
        """Send a request, and read the whole response.

        Args:
            request: The bytes of a request that is not `HEAD` or `CONNECT`.
            seconds: Maximum time for the response.

        Returns:
            The response.

        Raises:
            TimeoutError: The response was not complete in time.
            MalformedResponse: The response is no HTTP/1.1, or it is too long.
            OSError: The connection broke.
        """
        self.is_reusable = False
        self._deadline = monotonic() + seconds
        self._socket.settimeout(seconds)
        self._socket.sendall(request)
        head = self._read_head()
        while head.status < HTTPStatus.OK:
            # An interim response (RFC 9110, 15.2).
            head = self._read_head()
        body, is_delimited = self._read_body(head)
        self.is_reusable = head.keeps_open and is_delimited and not self._received
        return HttpResponse(head.status, body, head.headers)

    def is_open(self) -> bool:
        """Return whether an idle connection is still open.

        A byte that belongs to no request counts as the end of the connection.
        """
        # The read also processes records of TLS itself, such as session tickets.
        self._socket.settimeout(0)
        try:
            self._socket.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            pass
        return False

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def _read_head(self) -> _Head:
        while _HEAD_END not in self._received:
            if len(self._received) > _MAX_HEAD_BYTES:
                raise MalformedResponse
            self._receive()
        head, _, self._received = self._received.partition(_HEAD_END)
        status_line, *lines = head.split(b"\r\n")
        if not (match := _STATUS_LINE.match(status_line)):
            raise MalformedResponse
        headers: dict[bytes, bytes] = {}
        for line in lines:
            name, _, value = line.partition(b":")
            name = name.lower()
            # With two lengths it is not certain where the next response starts.
            if name == b"content-length" and name in headers:
                raise MalformedResponse
            headers[name] = value.strip()
        closes = b"close" in headers.get(b"connection", b"").lower()
        return _Head(
            status=int(match["status"]),
            headers=headers,
            keeps_open=match["minor"] == b"1" and not closes,
        )

    def _read_body(self, head: _Head) -> tuple[bytes, bool]:
        """Read the body; its length depends on the headers (RFC 9112, 6.3).

        Returns:
            The body, and whether it ends before the connection does.
        """
        headers = head.headers
        if head.status in _NO_BODY:
            return b"", True
        if coding := headers.get(b"transfer-encoding"):
            if coding.lower() != b"chunked":
                raise MalformedResponse
            # With a length too, a proxy may have read another end (RFC 9112, 6.3).
            return self._read_chunks(), b"content-length" not in headers
        if (length := headers.get(b"content-length")) is not None:
            return self._read_exactly(self._parse_size(length, 10)), True
        return self._read_to_the_end(), False

    def _read_chunks(self) -> bytes:
        body = b""
        while size := self._read_chunk_size():
            body += self._read_exactly(size)
            if len(body) > self._max_body_bytes or self._read_line():
                raise MalformedResponse
        while self._read_line():
            pass  # a trailer
        return body

    def _read_line(self) -> bytes:
        while b"\r\n" not in self._received:
            if len(self._received) > _MAX_HEAD_BYTES:
                raise MalformedResponse
            self._receive()
        line, _, self._received = self._received.partition(b"\r\n")
        return line

    def _read_exactly(self, size: int) -> bytes:
        while len(self._received) < size:
            self._receive()
        data, self._received = self._received[:size], self._received[size:]
        return data

    def _read_to_the_end(self) -> bytes:
        while len(self._received) <= self._max_body_bytes:
            try:
                self._receive()
            except _Closed:
                data, self._received = self._received, b""
                return data
        raise MalformedResponse

    def _receive(self) -> None:
        remaining = self._deadline - monotonic()
        if remaining <= 0:
            raise TimeoutError
        self._socket.settimeout(remaining)
        data = self._socket.recv(_RECEIVE_BYTES)
        if not data:
            raise _Closed
        self._received += data

    def _read_chunk_size(self) -> int:
        return self._parse_size(self._read_line().partition(b";")[0].strip(), 16)

    def _parse_size(self, text: bytes, base: int) -> int:
        """Parse the size of a body or of a chunk."""
        if not _SIZES[base].fullmatch(text):
            raise MalformedResponse
        size = int(text, base)
        if size > self._max_body_bytes:
            raise MalformedResponse
        return size
