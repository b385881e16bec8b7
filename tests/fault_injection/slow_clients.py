"""Clients that send a byte a second and keep their connections open."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from tests.fault_injection.load import KEY

_BETWEEN_BYTES = 1.0
_HEAD = b"POST /auth/send_otp HTTP/1.1\r\nHost: localhost\r\n"
_HEADERS = _HEAD + b"X-Slow: "
_BODY = (
    _HEAD
    + b"".join(f"{name}: {value}\r\n".encode() for name, value in KEY.items())
    + b'Content-Type: application/json\r\nContent-Length: 16000\r\n\r\n{"phone": "'
)


@dataclass
class SlowClients:
    """Slow clients, with their number of connections.

    Attributes:
        port: The port of the server.
        source: The network address of the clients.
        pause: Seconds until a client connects, at first and after it was disconnected;
            from half of that for the first client to one and a half for the last.
        connected: Number of open connections.
        disconnects: Number of connections that the server closed.
    """

    port: int
    source: str = "127.0.0.1"
    pause: float = 0
    connected: int = 0
    disconnects: int = 0
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    async def run(self, headers: int, bodies: int) -> None:
        starts = [_HEADERS] * headers + [_BODY] * bodies
        pauses = [self.pause * (0.5 + n / len(starts)) for n in range(len(starts))]
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*map(self._reconnect, starts, pauses))

    async def _reconnect(self, start: bytes, pause: float) -> None:
        while True:
            await asyncio.sleep(pause)
            with suppress(OSError):
                await self._drip(start)
            self.disconnects += 1

    async def _drip(self, start: bytes) -> None:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.port, local_addr=(self.source, 0)
        )
        self.connected += 1
        try:
            writer.write(start)
            while True:
                writer.write(b"9")
                with suppress(TimeoutError):
                    async with asyncio.timeout(_BETWEEN_BYTES):
                        await reader.read()
                        return
        finally:
            self.connected -= 1
            writer.transport.abort()


@contextmanager
def slow_clients(
    port: int,
    *,
    headers: int = 0,
    bodies: int = 0,
    source: str = "127.0.0.1",
    pause: float = 0,
) -> Iterator[SlowClients]:
    """Run clients with slow headers and clients with slow bodies at *port*."""
    clients = SlowClients(port, source, pause)
    task = clients.loop.create_task(clients.run(headers, bodies))
    thread = threading.Thread(target=clients.loop.run_until_complete, args=(task,))
    thread.start()
    try:
        yield clients
    finally:
        clients.loop.call_soon_threadsafe(task.cancel)
        thread.join()
        clients.loop.close()
