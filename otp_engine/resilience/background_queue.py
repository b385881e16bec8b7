"""A queue of work that no request waits for, in one background thread."""

from __future__ import annotations

import logging
from collections.abc import Callable
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

_MAX_QUEUED = 1_000

T = TypeVar("T")


class BackgroundQueue(Generic[T]):
    """Passes items to a function, one after the other.

    The queue is for work without a promise: items are dropped when it is full, and at
    the end of the process.
    """

    def __init__(
        self,
        work: Callable[[T], object],
        *,
        name: str,
        max_queued: int = _MAX_QUEUED,
    ) -> None:
        """Create the queue; its thread starts with the first item.

        Args:
            work: Gets each item; an error is logged by its type.
            name: Name of the thread.
            max_queued: Items that wait at most.
        """
        self._work = work
        self._name = name
        self._max_queued = max_queued
        self._queue: SimpleQueue[T] = SimpleQueue()
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._starting = Lock()

    def add(self, item: T) -> bool:
        """Add an item; return whether there was room for it."""
        with self._starting:
            # Started late, because a forked process does not inherit the thread.
            if not self._thread.ident:
                self._thread.start()
        if self._queue.qsize() >= self._max_queued:
            return False
        self._queue.put(item)
        return True

    def _run(self) -> None:
        while True:
            item = self._queue.get()
            try:
                self._work(item)
            except Exception as error:  # noqa: BLE001 - the next item has no part in it
                log.warning("%s: %s", self._name, type(error).__name__)
