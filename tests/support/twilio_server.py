"""A fake of the Messages resource of Twilio's API, with selectable faults."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from tests.support import certificates
from tests.support.fakes import extract_code

ACCOUNT = "AC" + "0" * 32
SERVICE = "MG" + "1" * 32
TOKEN = "the-auth-token"

Behavior = Callable[["_Handler"], None]


@dataclass
class Twilio:
    """The state of the server: its behavior, and the requests it has received.

    Attributes:
        url: Base URL of the server.
        behave: Responds to one request; `accept` by default.
        messages: Form fields of each requested message.
        headers: Headers of each requested message.
        connections: Number of accepted connections.
        closed_connections: Number of closed connections.
        let_go: Ends the requests that `hang` holds.
    """

    url: str = ""
    behave: Behavior = field(default_factory=lambda: accept)
    messages: list[dict[str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    connections: int = 0
    closed_connections: int = 0
    let_go: threading.Event = field(default_factory=threading.Event)

    def has(self, count: int) -> bool:
        """Return whether at least *count* messages were requested."""
        return len(self.messages) >= count

    def code_to(self, number: str) -> str:
        """Return the code of the last message to *number*."""
        bodies = (
            form["Body"] for form in reversed(self.messages) if form["To"] == number
        )
        return extract_code(next(bodies))


@contextmanager
def running(certificate: Path | None = None) -> Iterator[Twilio]:
    """Run a server on a free port until the block ends.

    Args:
        certificate: File of its certificate and key; None means no TLS.
    """
    twilio = Twilio()
    handler = type("Handler", (_Handler,), {"twilio": twilio})
    server = _Server(twilio, ("127.0.0.1", 0), handler)
    scheme = "https" if certificate else "http"
    twilio.url = f"{scheme}://127.0.0.1:{server.server_address[1]}"
    if certificate:
        server.tls = certificates.server_context(certificate)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield twilio
    finally:
        twilio.let_go.set()
        server.shutdown()
        server.server_close()
        thread.join()


def refuse(status: int, code: int | None = None) -> Behavior:
    """Return a behavior that responds with an error of Twilio's API."""
    body = {"code": code, "message": "No.", "more_info": "", "status": status}
    return lambda handler: handler.answer(status, json.dumps(body))


def garbage(status: int, text: str) -> Behavior:
    """Return a behavior that responds with *text*, which is no document of the API."""
    return lambda handler: handler.answer(status, text)


def accept(handler: _Handler) -> None:
    """Accept the message."""
    handler.accept()


def hang(handler: _Handler) -> None:
    """Send no response until the test ends."""
    handler.twilio.let_go.wait(30)
    handler.close_connection = True


def drip(handler: _Handler) -> None:
    """Accept the message, with a byte of the response every 10 ms."""
    handler.send_response(201)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    with suppress(OSError):
        while not handler.twilio.let_go.wait(0.01):
            handler.wfile.write(b" ")
    handler.close_connection = True


def close_afterwards(handler: _Handler) -> None:
    """Accept the message, and close the connection without notice."""
    handler.accept()
    handler.close_connection = True


def reset(handler: _Handler) -> None:
    """Reset the connection without a response."""
    linger = struct.pack("ii", 1, 0)
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    handler.connection.close()
    handler.close_connection = True


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    tls: ssl.SSLContext | None = None

    def __init__(self, twilio: Twilio, *args: Any) -> None:
        super().__init__(*args)
        self.twilio = twilio

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        self.twilio.closed_connections += 1

    def finish_request(self, request: Any, client_address: Any) -> None:
        if not self.tls:
            super().finish_request(request, client_address)
            return
        # A client that does not trust the certificate breaks the handshake.
        with suppress(OSError), self.tls.wrap_socket(request, server_side=True) as tls:
            super().finish_request(tls, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body are two writes, and Nagle's algorithm delays the second by 40 ms.
    disable_nagle_algorithm = True
    twilio: Twilio

    def setup(self) -> None:
        super().setup()
        self.twilio.connections += 1

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        form = parse_qs(self.rfile.read(length).decode())
        self.twilio.messages.append({name: value[0] for name, value in form.items()})
        self.twilio.headers.append(dict(self.headers))
        self._answer_authenticated()

    def do_GET(self) -> None:
        self._answer_authenticated()

    def _answer_authenticated(self) -> None:
        credentials = base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
        path = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
        if not self.path.startswith(path):
            refuse(404, 20404)(self)
        elif self.headers["Authorization"] != f"Basic {credentials}":
            refuse(401, 20003)(self)
        else:
            self.twilio.behave(self)

    def accept(self) -> None:
        if self.command == "GET":
            self.answer(200, json.dumps({"messages": [], "page": 0, "page_size": 1}))
            return
        self.answer(201, json.dumps({"sid": "SM" + "2" * 32, "status": "queued"}))

    def answer(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Write no log."""
