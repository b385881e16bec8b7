"""A circuit breaker for calls to a dependency that can hang.

A call to a dependency that does not answer holds a thread until it times out. Enough
of such calls hold every thread of a worker. After N consecutive failures the breaker
opens and rejects calls at once. Once per `reset_timeout` it admits one probe, whose
result closes the breaker or keeps it open.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from threading import Lock
from time import monotonic

_ZERO = timedelta()


class CircuitBreaker:
    """Opens after consecutive failures, and closes after one success.

    The caller makes the call itself and records its result, so the lock is held for a
    few instructions only. pybreaker 1.4.1 holds an `RLock` for the whole call
    (`CircuitBreaker.call`, src/pybreaker/__init__.py, lines 246 to 251). One breaker
    would then send concurrent messages one at a time.
    """

    def __init__(
        self,
        failure_threshold: int,
        reset_timeout: timedelta,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Create a closed breaker.

        Args:
            failure_threshold: Number of consecutive failures that open it.
            reset_timeout: Time between two probes of an open breaker.
            clock: Returns monotonic seconds.
        """
        self._failure_threshold = failure_threshold
        self._reset_timeout = reset_timeout.total_seconds()
        self._clock = clock
        self._lock = Lock()
        self._consecutive_failures = 0
        self._open_until: float | None = None

    def open_for(self) -> timedelta:
        """Return the time until the next probe is admitted, without a state change.

        Returns:
            The remaining time; zero if `try_acquire` would admit a call now.
        """
        with self._lock:
            if self._open_until is None:
                return _ZERO
            return max(_ZERO, timedelta(seconds=self._open_until - self._clock()))

    def try_acquire(self) -> bool:
        """Admit one call, or reject it at once.

        An open breaker admits one probe and rejects the other calls for the next
        `reset_timeout`. A probe whose result is never recorded is replaced by the next.

        Returns:
            Whether the caller may make the call.
        """
        with self._lock:
            if self._open_until is None:
                return True
            now = self._clock()
            if now < self._open_until:
                return False
            self._open_until = now + self._reset_timeout
            return True

    def record_success(self) -> None:
        """Close the breaker, because the dependency has answered."""
        with self._lock:
            self._consecutive_failures = 0
            self._open_until = None

    def record_failure(self) -> bool:
        """Count a failure, and open the breaker at the threshold.

        Returns:
            Whether this failure opened the breaker; False if it was open already.
        """
        with self._lock:
            was_closed = self._open_until is None
            self._consecutive_failures += 1
            if self._consecutive_failures < self._failure_threshold:
                return False
            self._open_until = self._clock() + self._reset_timeout
            return was_closed
