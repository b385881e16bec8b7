"""When to stop asking somebody who does not answer.

A caller that waits in vain holds a thread, and enough of them hold every thread. So
after some failures in a row nobody asks any more, but for one now and then who finds
out for all the others whether it is worth while again.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from threading import Lock
from time import monotonic

_NONE = timedelta()


class Circuit:
    """Open after failures in a row, and closed again by the first answer.

    The libraries for this either hold a lock while they call, which makes one call of
    many, or let everybody through to find out.
    """

    def __init__(
        self,
        failures: int,
        pause: timedelta,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Open after *failures* in a row, and let one caller through each *pause*.

        Args:
            failures: How many; one that nobody lives to see never opens.
            pause: Between two who find out.
            clock: Seconds that only ever grow.
        """
        self._failures = failures
        self._pause = pause.total_seconds()
        self._clock = clock
        self._lock = Lock()
        self._in_a_row = 0
        self._open_until: float | None = None

    def left(self) -> timedelta:
        """How long it stays open; nothing, and somebody may ask."""
        with self._lock:
            return self._left()

    def wait(self) -> timedelta:
        """How long this caller must wait; nothing, and it is to ask right now."""
        with self._lock:
            left = self._left()
            if self._open_until is not None and not left:
                self._open_until = self._clock() + self._pause
            return left

    def _left(self) -> timedelta:
        if self._open_until is None:
            return _NONE
        return max(_NONE, timedelta(seconds=self._open_until - self._clock()))

    def answered(self) -> None:
        """Close it: whatever was said, somebody is there."""
        with self._lock:
            self._in_a_row = 0
            self._open_until = None

    def failed(self) -> bool:
        """Count a failure, and say whether it was the one that opened the circuit."""
        with self._lock:
            was_closed = self._open_until is None
            self._in_a_row += 1
            if self._in_a_row < self._failures:
                return False
            self._open_until = self._clock() + self._pause
            return was_closed
