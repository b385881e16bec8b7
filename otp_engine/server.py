"""Granian, which says that it is about to stop before it does.

A connection made in the moment of a stop can be lost: accepted, and closed without an
answer. So whoever sends connections here is told first, by `/readyz`, and has time to
send them elsewhere.
"""

from __future__ import annotations

import os
import signal
from datetime import timedelta
from threading import Event, Timer
from typing import Any

from flask import Flask
from granian import Granian

from otp_engine.app import from_environment

_ABOUT_TO_STOP = signal.SIGUSR1


class Server(Granian):  # type: ignore[misc, valid-type] # Granian chooses its class when imported
    """Serves a while longer after SIGTERM; a second one, or Ctrl-C, stops at once."""

    def __init__(self, target: str, *, drain: timedelta, **options: Any) -> None:  # noqa: ANN401 - whatever Granian takes
        """Serve *target*, and go on for *drain* after SIGTERM."""
        super().__init__(target, **options)
        self._drain = drain.total_seconds()

    def signal_handler_interrupt(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as above
        """Stop, or begin to: Granian's own handler, which this one puts off."""
        stop = super().signal_handler_interrupt
        if args[0] != signal.SIGTERM or not self._drain:
            stop(*args, **kwargs)
            return
        for worker in self.wrks:
            os.kill(worker.inner.pid, _ABOUT_TO_STOP)
        waiting = Timer(self._drain, stop)
        waiting.daemon = True
        waiting.start()
        self._drain = 0


def worker() -> Flask:
    """Build the service in one of the processes that `Server` starts.

    A Ctrl-C goes to every process of the terminal's group, but it is the parent that
    stops its workers; one that hears both at once may not stop until it is killed.
    """
    os.setpgid(0, 0)
    about_to_stop = Event()
    signal.signal(_ABOUT_TO_STOP, lambda *_: about_to_stop.set())
    return from_environment(draining=about_to_stop.is_set)
