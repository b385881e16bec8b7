"""Clients that send a byte now and then, and hold on to what they have."""

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
class Slow:
    """How they fare.

    Attributes:
        connected: How many hold a connection now.
        cut_off: How often one was closed from the other side.
        source: Their network address.
        pause: Seconds until a client connects, at first and after it was disconnected;
            half of that for the first of them, and half as much again for the last.
    """

    port: int
    source: str = "127.0.0.1"
    pause: float = 0
    connected: int = 0
    cut_off: int = 0
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    async def all(self, headers: int, bodies: int) -> None:
        starts = [_HEADERS] * headers + [_BODY] * bodies
        pauses = [self.pause * (0.5 + n / len(starts)) for n in range(len(starts))]
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*map(self._stay, starts, pauses))

    async def _stay(self, start: bytes, pause: float) -> None:
        while True:
            await asyncio.sleep(pause)
            with suppress(OSError):
                await self._drip(start)
            self.cut_off += 1

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
def slowly(
    port: int,
    *,
    headers: int = 0,
    bodies: int = 0,
    source: str = "127.0.0.1",
    pause: float = 0,
) -> Iterator[Slow]:
    """Have so many of either kind connected to *port*, until the block ends."""
    slow = Slow(port, source, pause)
    dripping = slow.loop.create_task(slow.all(headers, bodies))
    thread = threading.Thread(target=slow.loop.run_until_complete, args=(dripping,))
    thread.start()
    try:
        yield slow
    finally:
        slow.loop.call_soon_threadsafe(dripping.cancel)
        thread.join()
        slow.loop.close()
