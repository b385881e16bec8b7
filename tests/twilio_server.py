"""A server that speaks the Messages resource of Twilio's API, well or badly."""

from __future__ import annotations

import base64
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from tests.fakes import code_in

ACCOUNT = "AC" + "0" * 32
SERVICE = "MG" + "1" * 32
TOKEN = "the-auth-token"

Behaviour = Callable[["_Handler"], None]


@dataclass
class Twilio:
    """What the server has seen, and how it is to behave.

    Attributes:
        behave: Answers one request; `accept` unless a test says otherwise.
        messages: The form fields of each message asked for.
        connections: How many connections were made.
    """

    url: str = ""
    behave: Behaviour = field(default_factory=lambda: accept)
    messages: list[dict[str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    connections: int = 0
    let_go: threading.Event = field(default_factory=threading.Event)

    def has(self, count: int) -> bool:
        """Whether so many messages have been asked for."""
        return len(self.messages) >= count

    def code_to(self, number: str) -> str:
        """The code last sent to *number*."""
        texts = (
            text["Body"] for text in reversed(self.messages) if text["To"] == number
        )
        return code_in(next(texts))


@contextmanager
def running() -> Iterator[Twilio]:
    """Serve on a port of its own until the block ends."""
    twilio = Twilio()
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"twilio": twilio}))
    twilio.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield twilio
    finally:
        twilio.let_go.set()
        server.shutdown()
        server.server_close()
        thread.join()


def refuse(status: int, code: int | None = None) -> Behaviour:
    """Answer as Twilio refuses."""
    body = {"code": code, "message": "No.", "more_info": "", "status": status}
    return lambda handler: handler.answer(status, json.dumps(body))


def garbage(status: int, text: str) -> Behaviour:
    """Answer what nobody could expect."""
    return lambda handler: handler.answer(status, text)


def accept(handler: _Handler) -> None:
    """Answer as Twilio does when all is well."""
    handler.accept()


def hang(handler: _Handler) -> None:
    """Answer nothing until the test is over."""
    handler.twilio.let_go.wait(30)
    handler.close_connection = True


def reset(handler: _Handler) -> None:
    """Break the connection off, without an answer."""
    linger = struct.pack("ii", 1, 0)
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    handler.connection.close()
    handler.close_connection = True


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body are two writes, and the second would wait 40 ms for an ACK.
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
        self._answer_if_known()

    def do_GET(self) -> None:
        self._answer_if_known()

    def _answer_if_known(self) -> None:
        login = base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
        path = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
        if not self.path.startswith(path):
            refuse(404, 20404)(self)
        elif self.headers["Authorization"] != f"Basic {login}":
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
        """Say nothing."""
