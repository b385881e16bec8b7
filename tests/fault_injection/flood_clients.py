"""The clients of a flood: keep-alive connections on one thread.

They cost about 30 us of CPU a request, so that the service decides the figures.
"""

from __future__ import annotations

import heapq
import re
import selectors
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.fault_injection.load import NO_ANSWER, Call

_PENDING = b'"VerificationStatus":"pending"'
_LENGTH = re.compile(rb"\r\ncontent-length: ([0-9]+)\r\n", re.IGNORECASE)
_RETRY_AFTER = re.compile(rb"\r\nretry-after: ([0-9]+)\r\n", re.IGNORECASE)
_LONGEST_WAIT = 30  # seconds for the last answers


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, with the monotonic time of its end.

    Attributes:
        status: Its HTTP status; `NO_ANSWER` after a lost connection.
        failed_check: Whether it is the answer to a wrong code.
        seconds: Time since the request was sent.
        retry_after: The value of its header, in seconds; 0 without one.
        ended: When it arrived.
    """

    status: int
    failed_check: bool
    seconds: float
    retry_after: int
    ended: float


class _Client:
    """One connection, with at most one request at a time."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.connect()

    def connect(self) -> None:
        self.socket = socket.create_connection(("127.0.0.1", self._port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""

    def send(self, request: bytes) -> None:
        self._started = time.monotonic()
        self.socket.sendall(request)

    def receive(self) -> Answer | None:
        """Read once; return the answer if it is complete."""
        try:
            received = self.socket.recv(65_536)
        except OSError:
            received = b""
        if not received:
            return self._answer(NO_ANSWER, b"", 0)
        self._received += received
        head, separator, body = self._received.partition(b"\r\n\r\n")
        head += b"\r\n"
        length = _LENGTH.search(head)
        if not separator or not length or len(body) < int(length[1]):
            return None
        self._received = b""
        wait = _RETRY_AFTER.search(head)
        return self._answer(int(head[9:12]), body, int(wait[1]) if wait else 0)

    def _answer(self, status: int, body: bytes, retry_after: int) -> Answer:
        ended = time.monotonic()
        seconds = ended - self._started
        return Answer(status, _PENDING in body, seconds, retry_after, ended)


class Flood:
    """Many clients that each send request after request."""

    def __init__(
        self, port: int, calls: Sequence[Call], *, clients: int, patient: bool
    ) -> None:
        """Connect the clients.

        Args:
            port: The port of the service.
            calls: The requests, which the clients send in turn and again.
            clients: Number of clients.
            patient: Whether a client waits after a 503, as long as `Retry-After` of it.
        """
        encoded = [
            call.encode().replace(b"Connection: close\r\n", b"") for call in calls
        ]
        self._requests = _endless(encoded)
        self._patient = patient
        self._selector = selectors.DefaultSelector()
        self._clients = [_Client(port) for _ in range(clients)]
        self._busy = 0
        for n, client in enumerate(self._clients):
            self._selector.register(client.socket, selectors.EVENT_READ, n)

    def run(self, seconds: float) -> list[Answer]:
        """Send requests for *seconds*, and return all answers."""
        end = time.monotonic() + seconds
        # Independent clients do not start at the same moment.
        turns = [
            (time.monotonic() + n / len(self._clients), n)
            for n in range(len(self._clients))
        ]
        answers: list[Answer] = []
        while time.monotonic() < end or self._busy:
            if time.monotonic() > end + _LONGEST_WAIT:
                raise TimeoutError
            self._send_due(turns, end)
            wait = max(0, min(turns[0][0], end) - time.monotonic()) if turns else 1
            for key, _ in self._selector.select(wait):
                answer = self._receive(key.data)
                if answer:
                    answers.append(answer)
                    pause = answer.retry_after if self._patient else 0
                    heapq.heappush(turns, (answer.ended + pause, key.data))
        self._close()
        return answers

    def _send_due(self, turns: list[tuple[float, int]], end: float) -> None:
        now = time.monotonic()
        while turns and turns[0][0] <= now < end:
            _, n = heapq.heappop(turns)
            self._clients[n].send(next(self._requests))
            self._busy += 1

    def _receive(self, n: int) -> Answer | None:
        client = self._clients[n]
        answer = client.receive()
        if answer:
            self._busy -= 1
            if answer.status == NO_ANSWER:
                self._selector.unregister(client.socket)
                client.socket.close()
                client.connect()
                self._selector.register(client.socket, selectors.EVENT_READ, n)
        return answer

    def _close(self) -> None:
        for client in self._clients:
            client.socket.close()
        self._selector.close()


def flood(
    port: int,
    calls: Sequence[Call],
    *,
    clients: int,
    seconds: float,
    patient: bool = False,
) -> list[Answer]:
    """Run *clients* for *seconds*; see `Flood`. A process of its own can call it."""
    return Flood(port, calls, clients=clients, patient=patient).run(seconds)


def _endless(requests: Sequence[bytes]) -> Iterator[bytes]:
    while True:
        yield from requests
