"""The way to Redis: after a silence, one request asks again and the others do not wait.

A Redis that hangs holds every request for its whole timeout, and with enough of them
every thread, until not even `/healthz` is answered. So once one has waited in vain, the
next are refused at once, but for a single one each half second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from time import monotonic

from redis.exceptions import TimeoutError as Silence

from otp_engine.errors import StoreUnavailable
from otp_engine.store.connection import refusals_as_unavailable

_PAUSE_SECONDS = 0.5
# Longer than both attempts of a request may take; then somebody else may ask.
_PROBE_SECONDS = 5.0


class Line:
    """The line to one server; a refused connection is an answer, and no silence."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        """Tell time by *clock*, in seconds that only ever grow."""
        self._clock = clock
        self._lock = Lock()
        self._silent_until: float | None = None

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Ask Redis something in this block, unless it is silent.

        Raises:
            StoreUnavailable: It is, or it failed.
        """
        self._expect_an_answer()
        with refusals_as_unavailable():
            try:
                yield
            except Silence:
                self._silent_until = self._clock() + _PAUSE_SECONDS
                raise
        self._silent_until = None

    def _expect_an_answer(self) -> None:
        with self._lock:
            now = self._clock()
            if self._silent_until is None:
                return
            if now < self._silent_until:
                raise StoreUnavailable
            self._silent_until = now + _PROBE_SECONDS


class OpenLine(Line):
    """The lines to a Cluster: one silent node must not keep anybody from the others."""

    def _expect_an_answer(self) -> None:
        """Expect one always."""
