"""Connections with TLS, as redis-py pools them."""

from __future__ import annotations

import socket
import ssl
from typing import Any

from redis.connection import Connection, SSLConnection
from redis.sentinel import SentinelManagedConnection


class TlsConnection(SSLConnection):
    """A connection that shares its TLS context.

    redis-py loads the system's authorities again for each connection. That takes 40 ms
    of processor time, so a burst of new connections would wait for seconds.
    """

    def __init__(self, *, tls: ssl.SSLContext, **options: Any) -> None:  # noqa: ANN401 - redis-py's arguments
        """Store the context.

        Args:
            tls: The context of all connections.
            options: Arguments of `redis.connection.SSLConnection`.
        """
        super().__init__(**options, redis_connect_func=_log_in)
        self._tls = tls

    def _wrap_socket_with_ssl(self, sock: socket.socket) -> ssl.SSLSocket:
        return self._tls.wrap_socket(sock, server_hostname=self.host)


class SentinelTlsConnection(SentinelManagedConnection, TlsConnection):
    """The same for the primary that Sentinel names."""


def _log_in(connection: Connection) -> None:
    """Log in on a new *connection*, and read the session tickets of the server.

    With TLS 1.3 a server sends them right after the handshake. redis-py replaces a new
    connection with unread bytes, so this reads a reply before redis-py checks.
    """
    connection.on_connect()
    connection.send_command("PING", check_health=False)
    connection.read_response()
