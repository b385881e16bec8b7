"""Granian, which says that it is about to stop before it does.

A connection made in the moment of a stop can be lost: accepted, and closed without an
answer. So whoever sends connections here is told first, by `/readyz`, and has time to
send them elsewhere.

The parent reads the settings once and hands them to each worker that it starts, also
to one that replaces a dead one. So the secrets are in no worker's `os.environ`, and a
secret file that changes later does not divide the workers.
"""

from __future__ import annotations

import os
import signal
from collections.abc import MutableMapping
from functools import partial
from threading import Event, Timer
from typing import Any

from flask import Flask
from granian import Granian

from otp_engine import signals
from otp_engine.app import METRICS_FOLDER, create_app
from otp_engine.config import Settings
from otp_engine.ops import log_config

_ABOUT_TO_STOP = signal.SIGUSR1
# RFC 3875, section 4.1: what a request may consist of, beside its headers (HTTP_*).
_REQUEST_VARIABLES = frozenset(
    {
        "AUTH_TYPE",
        "CONTENT_LENGTH",
        "CONTENT_TYPE",
        "GATEWAY_INTERFACE",
        "PATH_INFO",
        "PATH_TRANSLATED",
        "QUERY_STRING",
        "REMOTE_ADDR",
        "REMOTE_HOST",
        "REMOTE_IDENT",
        "REMOTE_USER",
        "REQUEST_METHOD",
        "SCRIPT_NAME",
        "SERVER_NAME",
        "SERVER_PORT",
        "SERVER_PROTOCOL",
        "SERVER_SOFTWARE",
    }
)


class Server(Granian):  # type: ignore[misc, valid-type] # Granian chooses its class when imported
    """Serves a while longer after SIGTERM; a second one, or Ctrl-C, stops at once."""

    def __init__(self, settings: Settings, **options: Any) -> None:  # noqa: ANN401 - whatever Granian takes
        """Serve what *settings* describe, and go on for their drain after SIGTERM."""
        super().__init__(f"{worker.__module__}:{worker.__name__}", **options)
        self._settings = settings
        self._drain = settings.drain.total_seconds()

    def run(self) -> None:
        """Start the workers, and serve until the stop."""
        loader = partial(worker, self._settings)
        self.serve(target_loader=loader, wrap_loader=False)

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

    def startup(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as above
        """Start the workers, and handle signals at once from then on."""
        super().startup(*args, **kwargs)
        signals.wake_main_thread()


def worker(settings: Settings) -> Flask:
    """Build the service in one of the processes that `Server` starts.

    A Ctrl-C goes to every process of the terminal's group, but it is the parent that
    stops its workers; one that hears both at once may not stop until it is killed.
    """
    os.setpgid(0, 0)
    signals.wake_main_thread()
    about_to_stop = Event()
    signal.signal(_ABOUT_TO_STOP, lambda *_: about_to_stop.set())
    remove_request_variables(os.environ)
    log_config.configure()
    return create_app(
        settings,
        draining=about_to_stop.is_set,
        metrics_folder=os.environ.get(METRICS_FOLDER),
    )


def remove_request_variables(environ: MutableMapping[str, str]) -> None:
    """Delete from *environ* what a WSGI application takes for parts of a request.

    Granian begins each WSGI environment with the variables of the process, after the
    application has been built. A variable `HTTP_X_REQUEST_ID` or `CONTENT_TYPE` would
    be a header of every request that does not have it.
    """
    for name in list(environ):
        if name.startswith("HTTP_") or name in _REQUEST_VARIABLES:
            del environ[name]
