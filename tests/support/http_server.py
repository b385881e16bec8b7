"""A server on a socket that records requests and answers with given bytes."""

from __future__ import annotations

import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.support import certificates

Behavior = Callable[[socket.socket], None]


@dataclass(frozen=True)
class Request:
    """A request, as it was received.

    Attributes:
        line: The request line.
        headers: The headers, with names in lower case.
        body: The body.
    """

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Server:
    """A running server.

    Attributes:
        port: Its port.
        url: Its URL.
        behave: Answers one request on its socket.
        requests: The requests in the order of their arrival.
        connections: Number of accepted connections.
        let_go: Ends the requests that `hang` and `drip` hold.
    """

    port: int = 0
    url: str = ""
    behave: Behavior = field(default_factory=lambda: respond(204))
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    let_go: threading.Event = field(default_factory=threading.Event)

    def hang(self, _: socket.socket) -> None:
        """Send nothing until the test ends."""
        self.let_go.wait(30)

    def drip(self, connected: socket.socket) -> None:
        """Send a response of a byte every 10 ms."""
        connected.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n")
        with suppress(OSError):
            while not self.let_go.wait(0.01):
                connected.sendall(b" ")


@contextmanager
def running(
    certificate: Path | None = None, host: str = "127.0.0.1"
) -> Iterator[Server]:
    """Run a server on a free port until the block ends.

    Args:
        certificate: File of its certificate and key; None means no TLS.
        host: The address that it listens on.
    """
    server = Server()
    context = certificates.server_context(certificate) if certificate else None
    handler = type("Handler", (_Handler,), {"server_state": server, "tls": context})
    with _Server((host, 0), handler) as listener:
        server.port = listener.server_address[1]
        scheme = "https" if certificate else "http"
        server.url = f"{scheme}://{host}:{server.port}"
        thread = threading.Thread(target=listener.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.let_go.set()
            listener.shutdown()
            thread.join()


def respond(status: int, body: str | bytes = b"", **headers: str) -> Behavior:
    """Return a behavior with one response; `Retry_After` is a header `Retry-After`."""
    content = body.encode() if isinstance(body, str) else body
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    fields.setdefault("Content-Length", str(len(content)))
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    head = f"HTTP/1.1 {status} Status\r\n{lines}\r\n".encode()
    return raw(head + content)


def raw(content: bytes) -> Behavior:
    """Return a behavior that sends *content* as it is."""

    def behave(connected: socket.socket) -> None:
        connected.sendall(content)

    return behave


def close(connected: socket.socket) -> None:
    """Close the connection without a response."""
    connected.shutdown(socket.SHUT_RDWR)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128


class _Handler(socketserver.BaseRequestHandler):
    server_state: Server
    tls: ssl.SSLContext | None
    request: socket.socket

    def handle(self) -> None:
        self.server_state.connections += 1
        # A client that breaks the connection is a part of the tests.
        with suppress(OSError):
            if not self.tls:
                self._serve(self.request)
                return
            with self.tls.wrap_socket(self.request, server_side=True) as connected:
                self._serve(connected)

    def _serve(self, connected: socket.socket) -> None:
        with connected.makefile("rb") as reader:
            while line := reader.readline().decode().strip():
                headers = {}
                while field_line := reader.readline().decode("latin-1").strip():
                    name, _, value = field_line.partition(":")
                    headers[name.lower()] = value.strip()
                body = reader.read(int(headers.get("content-length", "0")))
                self.server_state.requests.append(Request(line, headers, body))
                self.server_state.behave(connected)
