"""Times that show the parent which workers run.

Each worker writes the time into shared memory once a second, on a thread of its own,
from the moment that it listens. So a worker counts as alive while its interpreter runs,
however many requests it has. A worker that is stopped or in a deadlock of the
interpreter does not.
"""

from __future__ import annotations

import math
import multiprocessing
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Thread
from time import monotonic, sleep

_INTERVAL = 1.0  # seconds
_START_INTERVAL = 0.01  # seconds between two looks of a worker that starts
# A machine with too many busy processes runs a thread seconds late.
_ALIVE_FOR = 10.0  # seconds


class Heartbeats:
    """The last sign of life of each worker; the parent creates it for all of them."""

    def __init__(self, workers: int, now: Callable[[], float] = monotonic) -> None:
        """Start without a sign of life.

        Args:
            workers: Number of workers.
            now: Returns seconds of a clock that all processes share.
        """
        self._now = now
        self._times = multiprocessing.RawArray("d", [-math.inf] * workers)

    def clear(self, worker: int) -> None:
        """Note that *worker*, an index from 0, has not started yet."""
        self._times[worker] = -math.inf

    def beat(self, worker: int) -> None:
        """Note that *worker* is alive now."""
        self._times[worker] = self._now()

    def start(self, worker: int) -> None:
        """Note that *worker*, which is this process, is alive once it listens."""

        def run() -> None:
            while not is_listening():
                sleep(_START_INTERVAL)
            while True:
                self.beat(worker)
                sleep(_INTERVAL)

        Thread(target=run, daemon=True, name="heartbeat").start()

    def any_alive(self) -> bool:
        """Return whether at least one worker was alive in the last ten seconds."""
        newest: float = max(self._times)
        return newest > self._now() - _ALIVE_FOR


def is_listening() -> bool:
    """Return whether a socket of this process accepts connections."""
    return any(_listens(int(path.name)) for path in Path("/dev/fd").iterdir())


def _listens(descriptor: int) -> bool:
    # The descriptor may be no socket, or closed by now.
    with suppress(OSError):
        opened = socket.socket(fileno=descriptor)
        try:
            return bool(opened.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
        finally:
            opened.detach()
    return False
