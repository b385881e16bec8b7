"""Granian with a graceful drain.

A connection that is made during a stop can be lost: accepted, then closed without a
response. So the server first reports through `/readyz` that it will stop, and keeps
serving while load balancers move their traffic to other instances.

The parent reads the settings once and passes them to every worker, including one that
replaces a dead worker. So no secret is in a worker's `os.environ`, and a secret file
that changes later does not give the workers different settings.
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
from otp_engine.app import METRICS_DIR_VARIABLE, create_app
from otp_engine.config import Settings
from otp_engine.ops import log_config

_DRAIN_SIGNAL = signal.SIGUSR1
# RFC 3875, section 4.1: the meta-variables of a request other than headers (HTTP_*).
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


class DrainingServer(Granian):  # type: ignore[misc, valid-type] # Granian chooses its class when imported
    """A server that drains after SIGTERM; a second SIGTERM or a SIGINT stops it."""

    def __init__(self, settings: Settings, **options: Any) -> None:  # noqa: ANN401 - the options of Granian
        """Prepare the server.

        Args:
            settings: The settings of the service. Their drain duration is the time
                between SIGTERM and the stop.
            options: The options of Granian.
        """
        target = f"{create_worker_app.__module__}:{create_worker_app.__name__}"
        super().__init__(target, **options)
        self._settings = settings
        self._drain = settings.drain_duration.total_seconds()

    def run(self) -> None:
        """Start the workers, and serve until the stop."""
        loader = partial(create_worker_app, self._settings)
        self.serve(target_loader=loader, wrap_loader=False)

    def signal_handler_interrupt(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Granian's signature
        """Handle SIGTERM and SIGINT: start the drain, or stop.

        Overrides the handler of Granian, which stops at once.
        """
        stop = super().signal_handler_interrupt
        if args[0] != signal.SIGTERM or not self._drain:
            stop(*args, **kwargs)
            return
        for worker in self.wrks:
            os.kill(worker.inner.pid, _DRAIN_SIGNAL)
        timer = Timer(self._drain, stop)
        timer.daemon = True
        timer.start()
        self._drain = 0

    def startup(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Granian's signature
        """Start the workers, and run signal handlers without delay from then on."""
        super().startup(*args, **kwargs)
        signals.install_signal_wakeup()


def create_worker_app(settings: Settings) -> Flask:
    """Build the application in a worker process of `DrainingServer`.

    The worker leaves the process group of the terminal. A Ctrl-C would otherwise reach
    the worker twice, from the terminal and from the parent, and a worker that receives
    both may hang until it is killed.

    Args:
        settings: The settings, from the parent.

    Returns:
        The application.
    """
    os.setpgid(0, 0)
    signals.install_signal_wakeup()
    draining = Event()
    signal.signal(_DRAIN_SIGNAL, lambda *_: draining.set())
    remove_request_variables(os.environ)
    log_config.configure()
    return create_app(
        settings,
        draining=draining.is_set,
        metrics_dir=os.environ.get(METRICS_DIR_VARIABLE),
    )


def remove_request_variables(environ: MutableMapping[str, str]) -> None:
    """Delete the variables that a WSGI application would take for parts of a request.

    Granian copies the variables of the process into each WSGI environment, after the
    application was built. A variable `HTTP_X_REQUEST_ID` or `CONTENT_TYPE` would become
    a header of every request that does not send it.

    Args:
        environ: The environment of the process, which is changed.
    """
    for name in list(environ):
        if name.startswith("HTTP_") or name in _REQUEST_VARIABLES:
            del environ[name]
