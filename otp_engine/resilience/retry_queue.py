"""A bounded queue of work that is repeated after a failure, in background threads.

Items of one key, such as one receiver, are worked on one at a time. So a receiver that
does not answer holds one thread, and the others get theirs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from threading import Condition, Thread
from time import monotonic
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

_MAX_WAITING = 1_000
_MAX_WAITING_OF_KEY = 100
_MAX_THREADS = 4

T = TypeVar("T")


@dataclass(slots=True, kw_only=True, eq=False)
class _Entry(Generic[T]):
    """An item that waits.

    Attributes:
        item: The item.
        key: Its key.
        due: Monotonic seconds of the next attempt.
        attempts: Attempts that have failed.
    """

    item: T
    key: str
    due: float
    attempts: int = 0


class RetryQueue(Generic[T]):
    """Passes items to a function until it succeeds or the attempts are used up.

    The queue is for work without a promise: items are dropped when it is full, and at
    the end of the process.
    """

    def __init__(  # noqa: PLR0913 - a function and options
        self,
        work: Callable[[T, bool], bool],
        *,
        name: str,
        intervals: Sequence[float],
        max_waiting: int = _MAX_WAITING,
        max_waiting_of_key: int = _MAX_WAITING_OF_KEY,
        max_threads: int = _MAX_THREADS,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Create the queue; its threads start when there is work for them.

        Args:
            work: Gets an item, and whether no attempt follows this one. Returns whether
                another attempt can succeed. An error is logged by its type, and ends
                the attempts.
            name: Name of the threads.
            intervals: Seconds before the second attempt, the third one and so on.
            max_waiting: Items that wait at most.
            max_waiting_of_key: Items of one key that wait at most.
            max_threads: Number of items that are worked on at once.
            clock: Returns monotonic seconds.
        """
        self._work = work
        self._name = name
        self._intervals = intervals
        self._max_waiting = max_waiting
        self._max_waiting_of_key = max_waiting_of_key
        self._max_threads = max_threads
        self._clock = clock
        self._changed = Condition()
        self._waiting: list[_Entry[T]] = []
        self._busy: set[str] = set()
        self._threads = 0

    def add(self, key: str, item: T) -> bool:
        """Add an item; return whether there was room for it.

        Args:
            key: The key, of which one item is worked on at a time.
            item: The item.
        """
        with self._changed:
            of_key = sum(entry.key == key for entry in self._waiting)
            if len(self._waiting) >= self._max_waiting:
                return False
            if of_key >= self._max_waiting_of_key:
                return False
            self._waiting.append(_Entry(item=item, key=key, due=self._clock()))
            # Started late, because a forked process does not inherit the threads.
            if self._threads < min(self._max_threads, self._count()):
                self._start_thread()
            self._changed.notify()
        return True

    def _count(self) -> int:
        return len(self._waiting) + len(self._busy)

    def _start_thread(self) -> None:
        try:
            Thread(target=self._run, name=self._name, daemon=True).start()
            self._threads += 1
        except RuntimeError:
            # The machine has no thread left; the next item tries again.
            log.warning("%s: no thread", self._name)

    def _run(self) -> None:
        while True:
            entry = self._take()
            fails, is_last = False, entry.attempts == len(self._intervals)
            try:
                fails = self._work(entry.item, is_last) and not is_last
            except Exception as error:  # noqa: BLE001 - the next item has no part in it
                log.warning("%s: %s", self._name, type(error).__name__)
            self._end(entry, fails=fails)

    def _take(self) -> _Entry[T]:
        """Wait for an item that is due, and remove it."""
        with self._changed:
            while True:
                free = [each for each in self._waiting if each.key not in self._busy]
                first = min(free, key=attrgetter("due"), default=None)
                wait = first.due - self._clock() if first else None
                if first and wait is not None and wait <= 0:
                    self._waiting.remove(first)
                    self._busy.add(first.key)
                    return first
                self._changed.wait(wait)

    def _end(self, entry: _Entry[T], *, fails: bool) -> None:
        with self._changed:
            self._busy.remove(entry.key)
            if fails:
                entry.due = self._clock() + self._intervals[entry.attempts]
                entry.attempts += 1
                self._waiting.append(entry)
            self._changed.notify_all()
