"""A TCP proxy of Redis that can drop, delay or lose replies."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto

from tests.support import redis_server


class Fault(Enum):
    """A fault of the proxy, for all connections."""

    NONE = auto()
    # Connections are accepted, and no byte passes.
    BLACK_HOLE = auto()
    # Connections are reset at once.
    REFUSING = auto()
    # Each reply is delayed by a second.
    SLOW = auto()


class Loss(Enum):
    """The way to lose a reply, after Redis has executed the command."""

    RESET = auto()
    SILENCE = auto()


@dataclass
class Proxy:
    """A running proxy.

    Attributes:
        port: The port of the proxy.
        target: The port of Redis.
        fault: The current fault.
        lost_replies: Number of lost replies.
    """

    port: int
    target: int
    fault: Fault = Fault.NONE
    lost_replies: int = 0
    _markers: Sequence[bytes] = ()
    _loss: Loss = Loss.RESET
    _times: int = 0
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    def set_fault(self, fault: Fault) -> None:
        """Start *fault*; `REFUSING` also resets the open connections."""
        self.fault = fault
        if fault is Fault.REFUSING:
            self.loop.call_soon_threadsafe(self._disconnect)

    def clear_fault(self) -> None:
        """Forward everything again."""
        self.fault = Fault.NONE

    def lose_replies(
        self, markers: Sequence[bytes], loss: Loss, *, times: int = 1
    ) -> None:
        """Lose the replies of the next *times* requests with one of *markers*."""
        self._markers, self._loss, self._times = markers, loss, times

    def _disconnect(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def serve(self, ready: threading.Event) -> None:
        server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        ready.set()
        try:
            await server.serve_forever()
        except asyncio.CancelledError:
            connections = asyncio.all_tasks() - {asyncio.current_task()}
            for connection in connections:
                connection.cancel()
            await asyncio.gather(*connections, return_exceptions=True)
            # The event loop closes aborted connections in its next iteration.
            await asyncio.sleep(0)

    async def _accept(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if self.fault is Fault.REFUSING:
            writer.transport.abort()
            return
        self._writers.add(writer)
        try:
            server_reader, server_writer = await asyncio.open_connection(
                "127.0.0.1", self.target
            )
        except (OSError, asyncio.CancelledError):
            writer.transport.abort()
            return
        self._writers.add(server_writer)
        connection = _Connection(self, reader, writer, server_reader, server_writer)
        try:
            await asyncio.gather(
                connection.forward_requests(),
                connection.forward_replies(),
                return_exceptions=True,
            )
        finally:
            for end in (writer, server_writer):
                self._writers.discard(end)
                end.transport.abort()

    def loses_reply_to(self, request: bytes) -> bool:
        """Return whether the reply to *request* gets lost."""
        if not (self._times and any(marker in request for marker in self._markers)):
            return False
        self._times -= 1
        return True

    @property
    def loss(self) -> Loss:
        return self._loss


@dataclass
class _Connection:
    """One connection through the proxy, in both directions."""

    proxy: Proxy
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    server_reader: asyncio.StreamReader
    server_writer: asyncio.StreamWriter
    loses_next: bool = False

    async def forward_requests(self) -> None:
        while request := await self.reader.read(65536):
            if self.proxy.fault is Fault.BLACK_HOLE:
                continue
            self.loses_next = self.loses_next or self.proxy.loses_reply_to(request)
            self.server_writer.write(request)
            await self.server_writer.drain()
        self.server_writer.close()

    async def forward_replies(self) -> None:
        while reply := await self.server_reader.read(65536):
            if self.proxy.fault is Fault.SLOW:
                await asyncio.sleep(1)
            if self.proxy.fault is Fault.BLACK_HOLE:
                continue
            if self.loses_next:
                self.loses_next = False
                self.proxy.lost_replies += 1
                if self.proxy.loss is Loss.SILENCE:
                    continue
                self.writer.transport.abort()
                return
            self.writer.write(reply)
            await self.writer.drain()
        self.writer.close()


@contextmanager
def to(target: int) -> Iterator[Proxy]:
    """Run a proxy to the Redis on port *target*, until the block ends."""
    proxy = Proxy(redis_server.free_port(), target)
    ready = threading.Event()
    running_service = proxy.loop.create_task(proxy.serve(ready))
    thread = threading.Thread(
        target=proxy.loop.run_until_complete, args=(running_service,)
    )
    thread.start()
    ready.wait(10)
    try:
        yield proxy
    finally:
        proxy.loop.call_soon_threadsafe(running_service.cancel)
        thread.join()
        proxy.loop.close()
