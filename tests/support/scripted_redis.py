"""A server that replies to each command with the next of given bytes."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Thread


@dataclass
class ScriptedRedis:
    """A running server.

    Attributes:
        listener: Accepts its connections.
        replies: What is left to reply, in order; empty for no reply.
        connections: The accepted connections.
    """

    listener: socket.socket
    replies: list[bytes]
    connections: list[socket.socket] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.listener.getsockname()[1]}"

    def send_late(self, reply: bytes) -> None:
        """Send more bytes on the first connection, if the client still has it."""
        with suppress(OSError):
            self.connections[0].sendall(reply)

    def accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.connections.append(connection)
                Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError):
            # Each command of the tests arrives in one piece.
            while connection.recv(65536):
                connection.sendall(self.replies.pop(0))


@contextmanager
def running(*replies: bytes) -> Iterator[ScriptedRedis]:
    """Run a server with these *replies* until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = ScriptedRedis(listener, list(replies))
        Thread(target=server.accept, daemon=True).start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for connection in server.connections:
                connection.close()
