"""A client that sends the exact bytes of a request, on a new connection."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tests.fault_injection.load import KEY, NO_ANSWER

_TIMEOUT_SECONDS = 10
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class RawResponse:
    """A response.

    Attributes:
        status: `NO_ANSWER` if the connection closed without a response.
        headers: The headers in order, with lower-case names.
        body: The body.
        seconds: Time from the first byte sent to the last byte received.
    """

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes
    seconds: float

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.headers)

    @property
    def json(self) -> Any:
        return json.loads(self.body) if self.body else {}

    @property
    def error(self) -> str | None:
        return self.json.get("error")


def post(
    port: int, path: str, body: bytes, *lines: str, key: Mapping[str, str] = KEY
) -> RawResponse:
    """POST *body* with the additional header *lines*."""
    return exchange(port, encode_post(path, body, *lines, key=key))


def post_json(
    port: int, path: str, value: object, *, key: Mapping[str, str] = KEY
) -> RawResponse:
    """POST *value* as JSON."""
    body = json.dumps(value).encode()
    return post(port, path, body, "Content-Type: application/json", key=key)


def encode_post(
    path: str, body: bytes, *lines: str, key: Mapping[str, str] = KEY
) -> bytes:
    """Return the bytes of a POST request."""
    head = [
        f"POST {path} HTTP/1.1",
        "Host: localhost",
        "Connection: close",
        *(f"{name}: {value}" for name, value in key.items()),
        f"Content-Length: {len(body)}",
        *lines,
    ]
    return "\r\n".join([*head, "", ""]).encode() + body


def exchange(port: int, request: bytes, *, source: str = "127.0.0.1") -> RawResponse:
    """Send *request*, and read until the server closes the connection.

    Args:
        port: The port of the server, on this machine.
        request: The bytes to send.
        source: The client's address.
    """
    with socket.create_connection(
        ("127.0.0.1", port), timeout=_TIMEOUT_SECONDS, source_address=(source, 0)
    ) as connection:
        started, received = time.perf_counter(), b""
        # A server may reject a request and close before it reads the body.
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(request)
        with suppress(ConnectionResetError):
            while part := connection.recv(_CHUNK_BYTES):
                received += part
        return _parse(received, time.perf_counter() - started)


def _parse(received: bytes, seconds: float) -> RawResponse:
    head, separator, body = received.partition(b"\r\n\r\n")
    if not separator:
        return RawResponse(NO_ANSWER, (), b"", seconds)
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    headers = tuple((name.lower(), value.strip()) for name, _, value in pairs)
    return RawResponse(int(first.split()[1]), headers, body, seconds)
