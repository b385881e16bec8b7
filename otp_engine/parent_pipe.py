"""A pipe that lets a worker notice the end of its parent process.

Only the parent keeps the writing end open, and nothing is ever written. So a worker
that reads gets the end of the file when the parent ends, also after a SIGKILL or a
crash, when the parent can send no signal.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from threading import Thread


class ParentPipe:
    """The pipe; the parent creates it and passes it to each worker."""

    def __init__(self) -> None:
        """Create the pipe, in the parent."""
        self._reader: Connection
        self._writer: Connection | None
        self._reader, self._writer = multiprocessing.Pipe(duplex=False)

    def __getstate__(self) -> dict[str, Connection | None]:
        """Return the state for a worker that is spawned, and so inherits no pipe."""
        return {"_reader": self._reader, "_writer": None}

    def call_at_end_of_parent(self, act: Callable[[], object]) -> None:
        """Call *act* on a thread of its own once the parent has ended.

        A worker calls this method once. A forked worker has inherited the writing end,
        and closes it: the workers would otherwise keep the pipe of each other open.

        Args:
            act: A function without arguments.
        """
        if self._writer:
            self._writer.close()

        def wait() -> None:
            with suppress(EOFError, OSError):
                self._reader.recv_bytes()
            act()

        Thread(target=wait, daemon=True, name="parent").start()
