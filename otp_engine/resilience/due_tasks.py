"""Tasks that are due at a time, run in background threads of each process.

The tasks are stored outside the process, so that any process can run one. Each process
waits for the tasks that it knows of, and looks for others at long intervals: those of
a process that has ended.
"""

from __future__ import annotations

import heapq
import logging
from collections.abc import Callable, Sequence
from multiprocessing.util import Finalize
from threading import Condition, Thread
from time import monotonic

log = logging.getLogger(__name__)

_IDLE_INTERVAL = 10.0  # seconds
_RETRY_INTERVAL = 1.0  # seconds
_MAX_CONCURRENT = 8
_STOP_TIMEOUT = 5.0  # seconds
_MAX_KNOWN = 10_000
# The clock of the store can be slower than that of this process, as while NTP corrects
# it: by half a thousandth, which is 30 ms in a minute. A claim before the store has the
# task due finds nothing, and the next one is an idle interval later.
_MARGIN = 0.05  # seconds


class DueTasks:
    """Claims tasks when they are due, and runs each in a thread of its own."""

    def __init__(  # noqa: PLR0913 - two functions and options with defaults
        self,
        claim: Callable[[int], Sequence[str]],
        run: Callable[[str], object],
        *,
        name: str,
        max_concurrent: int = _MAX_CONCURRENT,
        idle_interval: float = _IDLE_INTERVAL,
        max_known: int = _MAX_KNOWN,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Prepare the threads; `start` starts the first one.

        Args:
            claim: Claims tasks that are due, at most as many as its argument.
            run: Runs a task; an error is logged.
            name: Name of the threads.
            max_concurrent: Number of tasks that run at once.
            idle_interval: Seconds between two claims while no task is known.
            max_known: Number of times that are stored until they are due.
            clock: Returns monotonic seconds.
        """
        self._claim = claim
        self._run = run
        self._name = name
        self._max_concurrent = max_concurrent
        self._idle_interval = idle_interval
        self._max_known = max_known
        self._clock = clock
        self._changed = Condition()
        self._due: list[float] = []
        self._next_claim = clock() + idle_interval
        self._running = 0
        self._stopping = False
        self._thread = Thread(target=self._run_all, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread, in a process that is not forked any more."""
        self._thread.start()
        # Granian's workers do not call the functions of `atexit`.
        Finalize(None, self.stop, exitpriority=10)

    @property
    def is_started(self) -> bool:
        """Whether `start` was called."""
        return self._thread.ident is not None

    def due_in(self, seconds: float) -> None:
        """Claim tasks after some time, because one is due then."""
        with self._changed:
            due = self._clock() + seconds + (_MARGIN if seconds else 0)
            if len(self._due) < self._max_known:
                heapq.heappush(self._due, due)
            else:
                # The claim finds the task, and others that are due by then.
                self._next_claim = min(self._next_claim, due)
            self._changed.notify()

    def stop(self, timeout: float = _STOP_TIMEOUT) -> bool:
        """Claim no more tasks, and wait for those that run.

        Args:
            timeout: The longest wait in seconds.

        Returns:
            Whether no task runs.
        """
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
            return self._changed.wait_for(lambda: not self._running, timeout)

    def _run_all(self) -> None:
        while room := self._wait_for_due():
            try:
                tasks = self._claim(room)
            except Exception as error:  # noqa: BLE001 - after any error the next claim can succeed
                log.warning("%s: not claimed: %s", self._name, type(error).__name__)
                with self._changed:
                    self._next_claim = self._clock() + _RETRY_INTERVAL
                continue
            if len(tasks) == room:
                # There can be more.
                self.due_in(0)
            for task in tasks:
                self._start_task(task)

    def _wait_for_due(self) -> int:
        """Wait until a task is due and there is room for one.

        Returns:
            The number of tasks to claim; 0 at the end.
        """
        with self._changed:
            while not self._stopping:
                now = self._clock()
                room = self._max_concurrent - self._running
                next_claim = min([self._next_claim, *self._due[:1]])
                if room and next_claim <= now:
                    while self._due and self._due[0] <= now:
                        heapq.heappop(self._due)
                    self._next_claim = now + self._idle_interval
                    return room
                self._changed.wait(next_claim - now if room else None)
            return 0

    def _start_task(self, task: str) -> None:
        with self._changed:
            self._running += 1
        thread = Thread(
            target=self._run_task, args=(task,), name=self._name, daemon=True
        )
        try:
            thread.start()
        except RuntimeError:
            # The task is due again at the end of its lease.
            self._end_task()

    def _run_task(self, task: str) -> None:
        try:
            self._run(task)
        except Exception as error:  # noqa: BLE001 - no thread has a caller
            log.error("%s: %s", self._name, type(error).__name__)  # noqa: TRY400 - a traceback can contain arguments
        finally:
            self._end_task()

    def _end_task(self) -> None:
        with self._changed:
            self._running -= 1
            self._changed.notify_all()
