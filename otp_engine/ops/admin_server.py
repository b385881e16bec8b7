"""A small HTTP server for health checks and scrapes, for the parent of the workers.

It answers while every thread of the workers and every processor is busy, because it
shares only the processors with them. A connection serves one request without a body.
Clients cannot block it: a request has to arrive within seconds, and while all threads
are in use, the oldest connection is ended for the next one.
"""

from __future__ import annotations

import io
import logging
import os
import socket
from contextlib import suppress
from http import HTTPStatus
from threading import Lock, Thread
from time import monotonic, sleep
from typing import Any
from wsgiref.handlers import SimpleHandler
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from otp_engine.fork_gate import ForkGate

log = logging.getLogger(__name__)

_THREADS = 16
_MAX_HEAD_BYTES = 8 * 1024
_TIMEOUT = 5.0  # seconds to receive the request, and to send the response
_RETRY_INTERVAL = 0.1  # seconds after a connection that could not be accepted


class AdminServer(WSGIServer):
    """The server, which has a fixed number of threads.

    A worker that is forked later inherits the open sockets, and closes them at once.
    Else the port would stay in use when only the parent ends.
    """

    def __init__(
        self, listener: socket.socket, app: WSGIApplication, gate: ForkGate
    ) -> None:
        """Prepare the server.

        Args:
            listener: A socket that listens; the server owns it from now on.
            app: The application.
            gate: The application holds it during a request.
        """
        super().__init__(
            listener.getsockname()[:2], _RequestHandler, bind_and_activate=False
        )
        self.socket.close()
        self.socket = listener
        self.server_name, self.server_port = listener.getsockname()[:2]
        self.setup_environ()

        def gated(environ: WSGIEnvironment, start_response: StartResponse) -> Any:  # noqa: ANN401 - as WSGI
            with gate:
                return app(environ, start_response)

        self.set_app(gated)
        self._lock = Lock()
        self._open: dict[socket.socket, None] = {}  # the oldest one first
        self._closed = False
        self._threads = [
            Thread(target=self._run, daemon=True, name="admin") for _ in range(_THREADS)
        ]
        os.register_at_fork(after_in_child=self._close_inherited)

    def start(self) -> None:
        """Serve on threads until the process ends or `close` is called."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Listen no longer, and complete the requests that have arrived.

        A scrape reads files that are deleted next.
        """
        self._closed = True
        with suppress(OSError):
            # Unlike close, it wakes the threads that accept.
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RD)
        deadline = monotonic() + _TIMEOUT
        for thread in filter(Thread.is_alive, self._threads):
            thread.join(max(deadline - monotonic(), 0))

    def _run(self) -> None:
        # Each thread accepts and serves: a second thread would be one more wait for a
        # busy processor.
        while not self._closed:
            try:
                connection, address = self.socket.accept()
            except OSError:
                if not self._closed:
                    # Such as too many open files; the next one can succeed.
                    sleep(_RETRY_INTERVAL)
                continue
            with self._lock:
                self._open[connection] = None
                if len(self._open) == _THREADS:
                    self._end_oldest()
            self._serve(connection, address)

    def _end_oldest(self) -> None:
        """End the connection that has been open for the longest time.

        A request takes milliseconds, so this one is the slowest of many.
        """
        with suppress(OSError):
            next(iter(self._open)).shutdown(socket.SHUT_RDWR)

    def _serve(self, connection: socket.socket, address: Any) -> None:  # noqa: ANN401 - of any family
        try:
            self.finish_request(connection, address)
        except OSError:
            log.debug("the client was too slow, or has gone")
        except Exception:
            log.exception("unexpected error")
        finally:
            with self._lock:
                del self._open[connection]
            self.shutdown_request(connection)

    def _close_inherited(self) -> None:
        for inherited in (self.socket, *self._open):
            with suppress(OSError):
                os.close(inherited.detach())


class _RequestHandler(WSGIRequestHandler):
    """Reads one request, and writes its response."""

    wbufsize = -1  # one packet for a short response
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.rfile = io.BytesIO(_receive_head(self.connection))
        self.connection.settimeout(_TIMEOUT)

    def handle(self) -> None:
        self.raw_requestline = self.rfile.readline()
        if self.parse_request():
            handler = _ResponseHandler(
                self.rfile,
                self.wfile,  # type: ignore[arg-type] # as in the standard library
                io.StringIO(),
                self.get_environ(),
            )
            handler.run(self.server.get_app())  # type: ignore[attr-defined] # it is an AdminServer

    def send_error(self, code: int, *_: object, **__: object) -> None:
        """Answer a request that cannot be parsed, without repeating any of it."""
        phrase = HTTPStatus(code).phrase
        head = f"HTTP/1.0 {code} {phrase}\r\nContent-Length: 0\r\n\r\n"
        self.wfile.write(head.encode())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: ANN401 - its signature
        """Log nothing: the application logs its requests."""


class _ResponseHandler(SimpleHandler):
    """Runs the application; its variables are those of the request only."""

    os_environ: dict[str, str] = {}  # noqa: RUF012 - as in its base
    origin_server = True

    def handle_error(self) -> None:
        """Let the thread of the connection handle every error."""
        raise  # noqa: PLE0704 - called in an exception handler


def _receive_head(connection: socket.socket) -> bytes:
    """Receive a request up to the end of its headers.

    Args:
        connection: The connection of the client.

    Returns:
        The bytes; empty if the client has ended or the headers are too large.

    Raises:
        TimeoutError: The request has not arrived in time.
    """
    deadline = monotonic() + _TIMEOUT
    received = b""
    while b"\r\n\r\n" not in received:
        connection.settimeout(max(deadline - monotonic(), 0.001))
        part = connection.recv(_MAX_HEAD_BYTES)
        received += part
        if not part or len(received) > _MAX_HEAD_BYTES:
            return b""
    return received
