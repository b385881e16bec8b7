"""A proxy that ends TLS and passes on the bytes."""

from __future__ import annotations

import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support import certificates


class _Relay(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    context: ssl.SSLContext
    target: int = 0


class _Handler(socketserver.BaseRequestHandler):
    server: _Relay

    def handle(self) -> None:
        with (
            suppress(OSError),
            self.server.context.wrap_socket(self.request, server_side=True) as client,
            socket.create_connection(("127.0.0.1", self.server.target)) as service,
        ):
            back = threading.Thread(target=_copy, args=(service, client))
            back.start()
            _copy(client, service)
            back.join()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)


@contextmanager
def running(certificate: Path) -> Iterator[_Relay]:
    """Listen on a free port; the test sets `target` to the port of the service.

    Args:
        certificate: File of the certificate and its key.
    """
    with _Relay(("127.0.0.1", 0), _Handler) as relay:
        relay.context = certificates.server_context(certificate)
        thread = threading.Thread(target=relay.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield relay
        finally:
            relay.shutdown()
            thread.join()
