"""An application with a page that uses the drop-in."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlencode

from tests.support import certificates
from tests.support.server_process import ServerProcess

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Shop</title>
<script src="{service}/verify.js" {integrity} defer></script>
<script src="/app.js" defer></script>
</head>
<body>
<main>
<h1>Shop</h1>
<p><a id="verify" data-otp-verify href="{link}">Verify your number</a></p>
<p><button id="other">Other</button></p>
</main>
</body>
</html>
"""


@dataclass
class Application:
    """A running application.

    Attributes:
        service: The URL of the service.
        scheme: Of its URL.
        port: Its port.
        script: The application's own script.
        integrity: More attributes of the element of the drop-in.
        server: The process of the service, which the test sets.
        states: The state of each session, by the value of its cookie.
        forms: The posted forms, each with the state of its session.
    """

    service: str
    scheme: str
    port: int = 0
    script: str = ""
    integrity: str = ""
    server: ServerProcess = field(init=False)
    states: dict[str, str] = field(default_factory=dict)
    forms: list[tuple[dict[str, list[str]], str | None]] = field(default_factory=list)

    @property
    def origin(self) -> str:
        """The origin of its pages."""
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def link(self, host: str, state: str) -> str:
        """Return the link to the page of the service for a session."""
        target = f"{self.scheme}://{host}/verified"
        return (
            f"{self.service}/verify?{urlencode({'return_url': target, 'state': state})}"
        )


class _Handler(BaseHTTPRequestHandler):
    app: Application

    def do_GET(self) -> None:
        if self.path == "/app.js":
            self._respond(self.app.script, "text/javascript")
            return
        sid, state = secrets.token_urlsafe(16), secrets.token_urlsafe(16)
        self.app.states[sid] = state
        link = self.app.link(self.headers["Host"], state).replace("&", "&amp;")
        page = _PAGE.format(
            service=self.app.service, link=link, integrity=self.app.integrity
        )
        # The smallest policy that the documentation lists.
        policy = (
            f"default-src 'none'; script-src 'self' {self.app.service};"
            f" frame-src {self.app.service}; form-action 'self'"
        )
        self._respond(
            page,
            **{
                "Set-Cookie": f"sid={sid}; SameSite=Lax; HttpOnly",
                "Content-Security-Policy": policy,
            },
        )

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        sid = SimpleCookie(self.headers.get("Cookie", "")).get("sid")
        state = self.app.states.get(sid.value) if sid else None
        self.app.forms.append((parse_qs(body), state))
        self._respond("<!doctype html><title>Shop</title><h1>Welcome</h1>")

    def _respond(
        self, body: str, content_type: str = "text/html", **headers: str
    ) -> None:
        self.send_response(200)
        for name, value in {"Content-Type": content_type, **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


@contextmanager
def running(
    service: str, certificate: Path | None = None, port: int = 0
) -> Iterator[Application]:
    """Run an application with pages that use the drop-in of *service*.

    Args:
        service: The URL of the service.
        certificate: File of its certificate and key; None means no TLS.
        port: The port that it listens on; 0 means a free one.
    """
    app = Application(service, "https" if certificate else "http")
    server = ThreadingHTTPServer(
        ("127.0.0.1", port), type("Handler", (_Handler,), {"app": app})
    )
    if certificate:
        context = certificates.server_context(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    app.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield app
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
