"""A wire to Redis that can be cut, slowed or made to lose an answer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto

from tests.support import redis_server


class Fault(Enum):
    """What is wrong with the wire."""

    NONE = auto()
    BLACK_HOLE = auto()
    """Connections are taken, and nothing ever comes back."""
    REFUSING = auto()
    """Whoever connects is cut off at once."""
    SLOW = auto()
    """Each answer takes a second longer."""


class Loss(Enum):
    """How an answer gets lost, after what was asked for has been done."""

    RESET = auto()
    SILENCE = auto()


@dataclass
class Proxy:
    """A proxy that is running.

    Attributes:
        lost: How many answers it has lost.
    """

    port: int
    target: int
    fault: Fault = Fault.NONE
    lost: int = 0
    _marked: Sequence[bytes] = ()
    _loss: Loss = Loss.RESET
    _times: int = 0
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    def break_by(self, fault: Fault) -> None:
        """Be broken from now on; a wire that refuses loses its connections."""
        self.fault = fault
        if fault is Fault.REFUSING:
            self.loop.call_soon_threadsafe(self._cut)

    def heal(self) -> None:
        """Pass everything on again."""
        self.fault = Fault.NONE

    def lose_answers_to(
        self, marked: Sequence[bytes], loss: Loss, *, times: int = 1
    ) -> None:
        """Lose the next answers to requests that contain one of *marked*."""
        self._marked, self._loss, self._times = marked, loss, times

    def _cut(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def serve(self, ready: threading.Event) -> None:
        server = await asyncio.start_server(self._take, "127.0.0.1", self.port)
        ready.set()
        try:
            await server.serve_forever()
        except asyncio.CancelledError:
            wires = asyncio.all_tasks() - {asyncio.current_task()}
            for wire in wires:
                wire.cancel()
            await asyncio.gather(*wires, return_exceptions=True)
            # What was aborted is closed a turn later.
            await asyncio.sleep(0)

    async def _take(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if self.fault is Fault.REFUSING:
            writer.transport.abort()
            return
        self._writers.add(writer)
        try:
            back, forth = await asyncio.open_connection("127.0.0.1", self.target)
        except (OSError, asyncio.CancelledError):
            writer.transport.abort()
            return
        self._writers.add(forth)
        wire = _Wire(self, reader, writer, back, forth)
        try:
            await asyncio.gather(wire.ask(), wire.answer(), return_exceptions=True)
        finally:
            for end in (writer, forth):
                self._writers.discard(end)
                end.transport.abort()

    def loses(self, asked: bytes) -> bool:
        """Whether the answer to *asked* is to be lost; counts it if so."""
        if not (self._times and any(mark in asked for mark in self._marked)):
            return False
        self._times -= 1
        self.lost += 1
        return True

    @property
    def loss(self) -> Loss:
        return self._loss


@dataclass
class _Wire:
    """One connection through the proxy, both ways."""

    proxy: Proxy
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    back: asyncio.StreamReader
    forth: asyncio.StreamWriter
    losing: bool = False

    async def ask(self) -> None:
        while asked := await self.reader.read(65536):
            if self.proxy.fault is Fault.BLACK_HOLE:
                continue
            self.losing = self.losing or self.proxy.loses(asked)
            self.forth.write(asked)
            await self.forth.drain()
        self.forth.close()

    async def answer(self) -> None:
        while said := await self.back.read(65536):
            if self.proxy.fault is Fault.SLOW:
                await asyncio.sleep(1)
            if self.proxy.fault is Fault.BLACK_HOLE:
                continue
            if self.losing:
                self.losing = False
                if self.proxy.loss is Loss.SILENCE:
                    continue
                self.writer.transport.abort()
                return
            self.writer.write(said)
            await self.writer.drain()
        self.writer.close()


@contextmanager
def to(target: int) -> Iterator[Proxy]:
    """Run a proxy to the Redis on port *target*, until the block ends."""
    proxy = Proxy(redis_server.free_port(), target)
    ready = threading.Event()
    serving = proxy.loop.create_task(proxy.serve(ready))
    thread = threading.Thread(target=proxy.loop.run_until_complete, args=(serving,))
    thread.start()
    ready.wait(10)
    try:
        yield proxy
    finally:
        proxy.loop.call_soon_threadsafe(serving.cancel)
        thread.join()
        proxy.loop.close()
