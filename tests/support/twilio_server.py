"""A fake of Twilio's API for messages, calls and feedback, with selectable faults."""

from __future__ import annotations

import base64
import json
import re
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
from xml.etree import ElementTree as ET

from twilio.request_validator import RequestValidator

from tests.support import certificates
from tests.support.fakes import extract_code

ACCOUNT = "AC" + "0" * 32
SERVICE = "MG" + "1" * 32
TOKEN = "the-auth-token"
MAX_TWIML = 4000
APPROVED = {"status": "approved", "category": "AUTHENTICATION"}

_FEEDBACK = re.compile(r"Messages/((?:SM|MM)[0-9a-f]{32})/Feedback\.json")
_APPROVAL = re.compile(r"/v1/Content/(HX[0-9a-f]{32})/ApprovalRequests")
_RESOURCE = re.compile(rf"Messages\.json|Calls\.json|{_FEEDBACK.pattern}")

Behavior = Callable[["_Handler"], None]


@dataclass
class Twilio:
    """The state of the server: its behavior, and the requests it has received.

    Attributes:
        url: Base URL of the server.
        behave: Responds to one request; `accept` by default.
        messages: Form fields of each requested message.
        calls: Form fields of each requested call; repeated fields are joined by spaces.
        feedback: SIDs of the messages with feedback, and its outcome.
        templates: The approval of each content template of the account; None means
            that the account has every template, approved for codes.
        headers: Headers of each request for a message or a call.
        connections: Number of accepted connections.
        closed_connections: Number of closed connections.
        let_go: Ends the requests that `hang` holds.
    """

    url: str = ""
    behave: Behavior = field(default_factory=lambda: accept)
    messages: list[dict[str, str]] = field(default_factory=list)
    calls: list[dict[str, str]] = field(default_factory=list)
    feedback: list[tuple[str, str]] = field(default_factory=list)
    templates: dict[str, dict[str, str]] | None = None
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


def sign(url: str, form: dict[str, str]) -> str:
    """Return Twilio's signature of a request to *url*, which has no fragment."""
    if "#" in url:
        raise ValueError(url)
    return str(RequestValidator(TOKEN).compute_signature(url, form))


def requested_url(callback: str) -> str:
    """Return the URL that Twilio requests for a callback URL."""
    url, _, _ = callback.partition("#")
    return url


def parse_twiml(document: str) -> ET.Element:
    """Return the root of a document.

    Raises:
        ParseError: The document is no XML.
    """
    return ET.fromstring(document)  # noqa: S314 - the service under test wrote it


def spoken_texts(twiml: str) -> list[str]:
    """Return the texts of a document, in the order in which a call speaks them."""
    return [verb.text or "" for verb in parse_twiml(twiml).iter("Say")]


def key_press_url(twiml: str) -> str:
    """Return the URL that Twilio requests after a key press."""
    return requested_url(next(parse_twiml(twiml).iter("Gather")).attrib["action"])


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
    form: dict[str, str]

    def setup(self) -> None:
        super().setup()
        self.twilio.connections += 1

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        form = parse_qs(self.rfile.read(length).decode())
        self.form = {name: " ".join(values) for name, values in form.items()}
        if self._resource() == "Messages.json":
            self.twilio.messages.append(self.form)
        elif self._resource() == "Calls.json":
            self.twilio.calls.append(self.form)
        self.twilio.headers.append(dict(self.headers))
        self._answer_authenticated()

    def do_GET(self) -> None:
        self._answer_authenticated()

    def _resource(self) -> str | None:
        """Return the path below the account, without a query."""
        account = f"/2010-04-01/Accounts/{ACCOUNT}/"
        path, _, _ = self.path.partition("?")
        return path.removeprefix(account) if path.startswith(account) else None

    def _answer_authenticated(self) -> None:
        credentials = base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
        resource = self._resource() or ""
        if not (_RESOURCE.fullmatch(resource) or _APPROVAL.fullmatch(self.path)):
            refuse(404, 20404)(self)
        elif self.headers["Authorization"] != f"Basic {credentials}":
            refuse(401, 20003)(self)
        else:
            self.twilio.behave(self)

    def accept(self) -> None:
        resource = self._resource() or ""
        if match := _APPROVAL.fullmatch(self.path):
            self._answer_approval(match[1])
        elif self.command == "GET":
            self.answer(200, json.dumps({"messages": [], "page": 0, "page_size": 1}))
        elif match := _FEEDBACK.fullmatch(resource):
            self.twilio.feedback.append((match[1], self.form["Outcome"]))
            self.answer(201, json.dumps({"message_sid": match[1]}))
        else:
            is_call = resource == "Calls.json"
            problem = self._call_problem() if is_call else self._message_problem()
            if problem:
                refuse(400, problem)(self)
                return
            created = self.twilio.calls if is_call else self.twilio.messages
            sid = f"{'CA' if is_call else 'SM'}{len(created):032x}"
            self.answer(201, json.dumps({"sid": sid, "status": "queued"}))

    def _answer_approval(self, sid: str) -> None:
        templates = self.twilio.templates
        approval = APPROVED if templates is None else templates.get(sid)
        if approval is None:
            refuse(404, 20404)(self)
        else:
            self.answer(200, json.dumps({"sid": sid, "whatsapp": approval}))

    def _message_problem(self) -> int | None:
        """Return the error of a message that the API rejects."""
        form = self.form
        if not form.get("To", "").startswith("whatsapp:"):
            return None if form.get("Body") else 21602
        sender = form.get("From", "")
        if not ("MessagingServiceSid" in form or sender.startswith("whatsapp:+")):
            return 63007
        templates, template = self.twilio.templates, form.get("ContentSid")
        if template is None:
            return 21654
        if templates is not None and template not in templates:
            return 21655
        try:
            variables = json.loads(form.get("ContentVariables", ""))
        except ValueError:
            return 21656
        return None if list(variables) == ["1"] and variables["1"] else 21656

    def _call_problem(self) -> int | None:
        """Return the error of a call that the API rejects."""
        form = self.form
        if "To" not in form:
            return 21201
        if not form.get("From", "").startswith("+"):
            return 21212
        twiml = form.get("Twiml", "")
        if not twiml or "Url" in form:
            return 21205
        if len(twiml) > MAX_TWIML:
            return 32018
        try:
            parse_twiml(twiml)
        except ET.ParseError:
            return 12100
        return None

    def answer(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Write no log."""
