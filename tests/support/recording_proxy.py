"""An HTTP proxy that records its requests."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from tests.support import certificates


@dataclass
class RecordingProxy:
    """A running proxy. It forwards plain requests, and refuses CONNECT by default.

    Attributes:
        address: Its host and port.
        upstream: The host and port that all requests are forwarded to.
        requests: Method and target of each request.
        logins: The `Proxy-Authorization` of each request.
        accepts_connect: Whether CONNECT opens a tunnel to the upstream.
    """

    address: str = ""
    upstream: str = ""
    requests: list[str] = field(default_factory=list)
    logins: list[str | None] = field(default_factory=list)
    accepts_connect: bool = False


@contextmanager
def running(
    upstream_url: str, certificate: Path | None = None
) -> Iterator[RecordingProxy]:
    """Run a proxy on a free port until the block ends.

    Args:
        upstream_url: URL of the server that all requests are forwarded to.
        certificate: File of its certificate and key; None means no TLS.
    """
    proxy = RecordingProxy(upstream=urlsplit(upstream_url).netloc)
    handler = type("Handler", (_Handler,), {"proxy": proxy})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    if certificate:
        context = certificates.server_context(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    proxy.address = f"127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _pipe(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    proxy: RecordingProxy

    def do_CONNECT(self) -> None:
        self._record()
        if not self.proxy.accepts_connect:
            self.send_response(403)
            self.end_headers()
            return
        host, _, port = self.proxy.upstream.partition(":")
        with socket.create_connection((host, int(port))) as upstream:
            self.send_response(200)
            self.end_headers()
            answers = threading.Thread(target=_pipe, args=(upstream, self.connection))
            answers.start()
            _pipe(self.connection, upstream)
            answers.join()
        self.close_connection = True

    def do_POST(self) -> None:
        self._record()
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {
            name: value
            for name, value in self.headers.items()
            if not name.startswith("Proxy-")
        }
        path = urlsplit(self.path).path
        with closing(http.client.HTTPConnection(self.proxy.upstream)) as upstream:
            upstream.request("POST", path, body, headers)
            response = upstream.getresponse()
            content = response.read()
        self.send_response(response.status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _record(self) -> None:
        self.proxy.requests.append(f"{self.command} {self.path}")
        self.proxy.logins.append(self.headers["Proxy-Authorization"])

    def log_message(self, format: str, *args: object) -> None:
        """Write no log."""
