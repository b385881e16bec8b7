"""A server that replies to the commands of each connection with given bytes."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Thread


@dataclass
class ScriptedRedis:
    """A running server.

    Attributes:
        listener: Accepts its connections.
        replies: The replies on each connection, both in order; empty for no reply.
        connections: The accepted connections.
    """

    listener: socket.socket
    replies: Sequence[Sequence[bytes]]
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
                replies = self.replies[len(self.connections)]
                self.connections.append(connection)
                Thread(target=_serve, args=(connection, replies), daemon=True).start()


def _serve(connection: socket.socket, replies: Sequence[bytes]) -> None:
    with suppress(OSError):
        for reply in replies:
            # Each command of the tests arrives in one piece.
            connection.recv(65536)
            connection.sendall(reply)


@contextmanager
def running(*replies: Sequence[bytes]) -> Iterator[ScriptedRedis]:
    """Run a server with *replies* for each connection until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = ScriptedRedis(listener, replies)
        Thread(target=server.accept, daemon=True).start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for connection in server.connections:
                connection.close()
