"""A load generator with connections that stay open, and a provider, on one thread.

Both share one selector. So the load costs little of the cores that it shares with the
service, and the code of a message is known before the response to its send arrives.
"""

from __future__ import annotations

import json
import re
import selectors
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self
from urllib.parse import unquote

Client = Iterator[bytes]
"""The requests of one connection, each of them sent after the response before it."""

SILENCE = 30
"""Seconds without any byte after which a measurement fails."""

_LENGTH = re.compile(rb"content-length: *([0-9]+)", re.IGNORECASE)
_FORM = {
    name: re.compile(rb"(?:^|&)%s=([^&]*)" % name.encode()) for name in ("To", "Body")
}
_CODE = re.compile(r"[0-9]+")
_ACCEPTED = json.dumps({"sid": "SM" + "2" * 32, "status": "queued"}).encode()


@dataclass(slots=True)
class LoadResult:
    """The responses to one load.

    Attributes:
        seconds: From the first request to the last response.
        cpu: CPU time of the load and of the provider, in seconds.
        latencies: Seconds between each request and its response.
        outcomes: Number of responses by status, and by whether they approve.
    """

    seconds: float = 0
    cpu: float = 0
    latencies: list[float] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)

    @property
    def count(self) -> int:
        """The number of responses."""
        return self.outcomes.total()

    def served(self, outcome: str) -> int:
        """Return how many responses have the *outcome*.

        Raises:
            AssertionError: None has, so the measurement is of something else.
        """
        assert self.outcomes[outcome], f"no {outcome}: {self.outcomes}"
        return self.outcomes[outcome]


class _Connection(Protocol):
    def on_readable(self) -> None: ...


class Load:
    """Clients of a service, and the provider that it sends messages with.

    Attributes:
        codes: The code of the last message to each number.
        messages: The number of messages.
    """

    def __init__(self) -> None:
        """Listen for the service on a free port."""
        self.codes: dict[str, str] = {}
        self.messages = 0
        self._selector = selectors.DefaultSelector()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._selector.register(
            self._listener, selectors.EVENT_READ, _Listener(self._accept)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for key in list(self._selector.get_map().values()):
            assert isinstance(key.fileobj, socket.socket)
            self.close(key.fileobj)
        self._selector.close()

    @property
    def provider_url(self) -> str:
        """The base URL of the provider."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def run(self, port: int, clients: Sequence[Client], seconds: float) -> LoadResult:
        """Run each of *clients* on a connection of its own.

        Args:
            port: The port of the service.
            clients: The clients. One that has no more requests stops.
            seconds: Time after which no further request is sent.
        """
        result = LoadResult()
        connections = [_ClientConnection(self, port, c, result) for c in clients]
        cpu, started = time.process_time(), time.perf_counter()
        for connection in connections:
            connection.start(started + seconds)
        self.serve(lambda: all(connection.ended for connection in connections))
        result.seconds = time.perf_counter() - started
        result.cpu = time.process_time() - cpu
        return result

    def serve(self, until: Callable[[], bool], *, silence: float = SILENCE) -> None:
        """Handle the connections until *until* returns true.

        Raises:
            TimeoutError: No byte arrived for *silence* seconds.
        """
        last = time.monotonic()
        while not until():
            ready = self._selector.select(0.05)
            for key, _ in ready:
                key.data.on_readable()
            if ready:
                last = time.monotonic()
            elif time.monotonic() - last > silence:
                raise TimeoutError(f"no byte arrived for {silence} s")

    def open(self, connection: _Connection, peer: socket.socket) -> None:
        """Read *peer* from now on."""
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector.register(peer, selectors.EVENT_READ, connection)

    def close(self, peer: socket.socket) -> None:
        """Close *peer*."""
        self._selector.unregister(peer)
        peer.close()

    def _accept(self) -> None:
        peer, _ = self._listener.accept()
        self.open(_ProviderConnection(self, peer), peer)


@dataclass(frozen=True, slots=True)
class _Listener:
    on_readable: Callable[[], None]


class _ClientConnection:
    def __init__(
        self, load: Load, port: int, client: Client, result: LoadResult
    ) -> None:
        self._load, self._client, self._result = load, client, result
        self._received = b""
        self._until = self._sent = 0.0
        self._peer = socket.create_connection(("127.0.0.1", port))
        self.ended = False
        load.open(self, self._peer)

    def start(self, until: float) -> None:
        self._until = until
        self._send()

    def on_readable(self) -> None:
        received = self._peer.recv(65_536)
        if not received:
            raise ConnectionError("the service closed a connection")
        self._received += received
        message = split_message(self._received)
        if message is None:
            return
        head, body, self._received = message
        now = time.perf_counter()
        self._result.latencies.append(now - self._sent)
        self._result.outcomes[outcome(head, body)] += 1
        if now < self._until:
            self._send()
        else:
            self._end()

    def _send(self) -> None:
        request = next(self._client, None)
        if request is None:
            self._end()
            return
        self._sent = time.perf_counter()
        self._peer.sendall(request)

    def _end(self) -> None:
        self.ended = True
        self._load.close(self._peer)


class _ProviderConnection:
    """A connection of the service to the provider.

    It accepts messages, and feedback to them. `GET /codes` returns the codes, for a
    service in another process.
    """

    def __init__(self, load: Load, peer: socket.socket) -> None:
        self._load, self._peer = load, peer
        self._received = b""

    def on_readable(self) -> None:
        received = self._peer.recv(65_536)
        if not received:
            self._load.close(self._peer)
            return
        self._received += received
        while (message := split_message(self._received)) is not None:
            head, body, self._received = message
            self._peer.sendall(self._respond(head, body))

    def _respond(self, head: bytes, body: bytes) -> bytes:
        if head.startswith(b"GET /codes "):
            return _response(200, json.dumps(self._load.codes).encode())
        if b"/Feedback.json " in head.partition(b"\r\n")[0]:
            return _response(201, b"{}")
        to, code = parse_message(body)
        self._load.codes[to] = code
        self._load.messages += 1
        return _response(201, _ACCEPTED)


def _response(status: int, body: bytes) -> bytes:
    head = (
        f"HTTP/1.1 {status} OK\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def split_message(received: bytes) -> tuple[bytes, bytes, bytes] | None:
    """Return the head, the body and the rest of *received*; None if it is incomplete.

    The body is as long as the header `Content-Length`; without one it is empty.
    """
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None
    match = _LENGTH.search(received, 0, end)
    after = end + 4 + (int(match[1]) if match else 0)
    if len(received) < after:
        return None
    return received[:end], received[end + 4 : after], received[after:]


def outcome(head: bytes, body: bytes) -> str:
    """Return the status of a response, followed by the status of the verification."""
    status = head[9:12].decode()
    for word in ("approved", "pending"):
        if f'"{word}"'.encode() in body:
            return f"{status} {word}"
    return status


def parse_message(form: bytes) -> tuple[str, str]:
    """Return the number and the code of a message in the form of Twilio's API."""
    values = {}
    for name, pattern in _FORM.items():
        match = pattern.search(form)
        assert match, f"a message without {name}"
        values[name] = unquote(match[1].decode().replace("+", " "))
    code = _CODE.search(values["Body"])
    assert code, "a message without a code"
    return values["To"], code[0]
