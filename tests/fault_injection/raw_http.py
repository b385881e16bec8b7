"""One request on a connection of its own, byte for byte as it is written."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tests.fault_injection.load import KEY, NO_ANSWER

_PATIENCE = 10
_MOST = 1 << 20


@dataclass(frozen=True, slots=True)
class Heard:
    """What came back.

    Attributes:
        status: `NO_ANSWER` when the connection was closed without one.
        headers: In their order, the names in lower case.
        seconds: From the first byte out to the last one in.
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
) -> Heard:
    """POST *body* with *lines* for headers, beside those that every request has."""
    return say(port, posted(path, body, *lines, key=key))


def post_json(
    port: int, path: str, value: object, *, key: Mapping[str, str] = KEY
) -> Heard:
    """POST *value* as JSON."""
    body = json.dumps(value).encode()
    return post(port, path, body, "Content-Type: application/json", key=key)


def posted(path: str, body: bytes, *lines: str, key: Mapping[str, str] = KEY) -> bytes:
    """A POST as it goes over the wire."""
    head = [
        f"POST {path} HTTP/1.1",
        "Host: localhost",
        "Connection: close",
        *(f"{name}: {value}" for name, value in key.items()),
        f"Content-Length: {len(body)}",
        *lines,
    ]
    return "\r\n".join([*head, "", ""]).encode() + body


def say(port: int, request: bytes, *, source: str = "127.0.0.1") -> Heard:
    """Write *request*, and read until the server has closed the connection.

    Args:
        port: The port of the server, on this machine.
        request: What to write.
        source: The client's address.
    """
    with socket.create_connection(
        ("127.0.0.1", port), timeout=_PATIENCE, source_address=(source, 0)
    ) as wire:
        began, said = time.perf_counter(), b""
        # A server may refuse a body that it has not read, and close.
        with suppress(BrokenPipeError, ConnectionResetError):
            wire.sendall(request)
        with suppress(ConnectionResetError):
            while some := wire.recv(_MOST):
                said += some
        return _heard(said, time.perf_counter() - began)


def _heard(said: bytes, seconds: float) -> Heard:
    head, whole, body = said.partition(b"\r\n\r\n")
    if not whole:
        return Heard(NO_ANSWER, (), b"", seconds)
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    headers = tuple((name.lower(), value.strip()) for name, _, value in pairs)
    return Heard(int(first.split()[1]), headers, body, seconds)
