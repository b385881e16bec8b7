"""Granian with a graceful drain.

A connection that is made during a stop can be lost: accepted, then closed without a
response. So the server first reports through `/readyz` that it will stop, and keeps
serving while load balancers move their traffic to other instances.

The parent reads the settings once and passes them to every worker, including one that
replaces a dead worker. So no secret is in a worker's `os.environ`, and a secret file
that changes later does not give the workers different settings.

No worker outlives the parent: it stops when the parent ends, however that happens.

The parent itself answers health checks and scrapes on the admin listener, if there is
one. It reports that the service is not ready from the first signal on, and listens
until the last worker has ended.
"""

from __future__ import annotations

import logging
import math
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from functools import partial
from threading import Event, Timer
from typing import Any

from flask import Flask
from granian import Granian

from otp_engine import memory, signals
from otp_engine.admin_app import create_admin_app
from otp_engine.app import create_app, preload
from otp_engine.composition import background
from otp_engine.config import Settings
from otp_engine.fork_gate import ForkGate
from otp_engine.heartbeats import Heartbeats
from otp_engine.ops import log_config
from otp_engine.ops.admin_server import AdminServer
from otp_engine.parent_pipe import ParentPipe
from otp_engine.service_manager import ServiceManager

log = logging.getLogger(__name__)

_DRAIN_SIGNAL = signal.SIGUSR1
_POLL_INTERVAL = 0.01  # seconds
_STOP_TIMEOUT = 15  # seconds; longer than the timeout of a provider
# The parent answers health checks in milliseconds of work, and has to get a processor
# while the workers use all of them.
_NICENESS_BELOW_PARENT = 10
# RFC 3875, section 4.1: the meta-variables of a request other than headers (HTTP_*).
# HTTPS, REMOTE_PORT and the URIs are those of Apache and nginx.
_REQUEST_VARIABLES = frozenset(
    {
        "AUTH_TYPE",
        "CONTENT_LENGTH",
        "CONTENT_TYPE",
        "GATEWAY_INTERFACE",
        "HTTPS",
        "PATH_INFO",
        "PATH_TRANSLATED",
        "QUERY_STRING",
        "REMOTE_ADDR",
        "REMOTE_HOST",
        "RAW_URI",
        "REMOTE_IDENT",
        "REMOTE_PORT",
        "REMOTE_USER",
        "REQUEST_METHOD",
        "REQUEST_SCHEME",
        "REQUEST_URI",
        "SCRIPT_NAME",
        "SERVER_NAME",
        "SERVER_PORT",
        "SERVER_PROTOCOL",
        "SERVER_SOFTWARE",
    }
)


class DrainingServer(Granian):  # type: ignore[misc, valid-type] # Granian chooses its class when imported
    """A server that drains after SIGTERM.

    A second SIGTERM stops it without a drain, as do SIGINT, SIGQUIT and SIGHUP. Each
    stop completes the requests in flight. A SIGHUP that was ignored at the start, as
    `nohup` does, stays ignored.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        metrics_dir: str | None,
        admin_listener: socket.socket | None = None,
        manager: ServiceManager | None = None,
        **options: Any,  # noqa: ANN401 - the options of Granian
    ) -> None:
        """Prepare the server.

        Args:
            settings: The settings of the service. Their drain duration is the time
                between SIGTERM and the stop.
            metrics_dir: The directory of the metrics that the workers share; it is
                deleted if the parent ends without its own cleanup.
            admin_listener: A socket that listens for health checks and scrapes; None
                leaves them to the workers.
            manager: Gets a report when the service is ready and when it stops; None
                without one.
            options: The options of Granian.
        """
        target = f"{create_worker_app.__module__}:{create_worker_app.__name__}"
        super().__init__(target, workers_kill_timeout=_STOP_TIMEOUT, **options)
        self._settings = settings
        self._metrics_dir = metrics_dir
        self._manager = manager
        self._drain = settings.drain_duration.total_seconds()
        self._parent_pid = os.getpid()
        self._ignores_hangup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        self._stopping = False
        self._heartbeats: Heartbeats | None = None
        self._admin: AdminServer | None = None
        if admin_listener:
            self._heartbeats = Heartbeats(self.workers)
            self._admin = self._build_admin(admin_listener, self._heartbeats)

    def _build_admin(
        self, listener: socket.socket, heartbeats: Heartbeats
    ) -> AdminServer:
        gate = ForkGate()
        app = create_admin_app(
            self._settings,
            gate=gate,
            alive=heartbeats.any_alive,
            draining=lambda: self._stopping,
            metrics_dir=self._metrics_dir,
        )
        return AdminServer(listener, app, gate)

    def run(self) -> None:
        """Start the workers, and serve until the stop."""
        loader = partial(
            create_worker_app,
            *(self._settings, self._metrics_dir, ParentPipe()),
            manager=self._manager,
        )
        # A worker that has not installed its handler would end at this signal.
        signal.signal(_DRAIN_SIGNAL, signal.SIG_IGN)
        signal.signal(signal.SIGQUIT, self.signal_handler_interrupt)
        self._prepare_memory()
        try:
            self.serve(target_loader=loader, wrap_loader=False)
        finally:
            # Workers remain after an error only, and Python would wait for their end.
            for worker in self.wrks:
                worker.kill()
            if self._admin:
                self._admin.close()

    def _prepare_memory(self) -> None:
        """Prepare this process for its copies, which are the workers."""
        memory.limit_heaps()
        preload(self._settings)
        memory.freeze()

    def _spawn_worker(
        self,
        idx: int,
        target: Any,  # noqa: ANN401 - Granian's signature
        callback_loader: Callable[..., Flask],
    ) -> Any:  # noqa: ANN401 - Granian's signature
        """Create a worker, which has its own heartbeat."""
        if self._heartbeats:
            self._heartbeats.clear(idx)
            start_heartbeat = partial(self._heartbeats.start, idx)
            callback_loader = partial(callback_loader, start_heartbeat)
        return super()._spawn_worker(idx, target, callback_loader)

    def signal_handler_interrupt(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Granian's signature
        """Handle SIGTERM, SIGINT and SIGQUIT: start the drain, or stop.

        Overrides the handler of Granian, which stops at once.
        """
        if os.getpid() != self._parent_pid:
            # A forked worker inherits this handler, and has not started to serve.
            os._exit(0)
        self._stopping = True
        if self._manager:
            self._manager.notify_stopping()
        stop = super().signal_handler_interrupt
        if args[0] != signal.SIGTERM or not self._drain:
            stop(*args, **kwargs)
            return
        for worker in self.wrks:
            with suppress(ProcessLookupError):
                os.kill(worker.inner.pid, _DRAIN_SIGNAL)
        timer = Timer(self._drain, stop)
        timer.daemon = True
        timer.start()
        self._drain = 0

    def signal_handler_reload(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Granian's signature
        """Handle SIGHUP: stop.

        Overrides the handler of Granian, which replaces the workers. The new ones would
        get the same settings, and the embedded store would lose its data.
        """
        if not self._ignores_hangup:
            self.signal_handler_interrupt(*args, **kwargs)

    def _stop_workers(self) -> None:
        """Stop the workers, and kill those that have not ended in time.

        Overrides the method of Granian, which waits for each worker on two threads. If
        one of them reads the exit status, the other one takes the worker for alive.
        """
        for worker in self.wrks:
            worker.terminate()
        if not self._wait_for_workers(_STOP_TIMEOUT):
            for worker in [each for each in self.wrks if each.is_alive()]:
                log.warning("worker-%d is killed: it did not stop", worker.idx + 1)
                worker.kill()
            self._wait_for_workers(math.inf)
        super()._stop_workers()

    def _wait_for_workers(self, timeout: float) -> bool:
        """Wait until all workers have ended; return whether they have.

        Args:
            timeout: The longest wait in seconds.
        """
        deadline = time.monotonic() + timeout
        while any(worker.is_alive() for worker in self.wrks):
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_INTERVAL)
        return True

    def startup(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Granian's signature
        """Start the workers, and run signal handlers without delay from then on."""
        super().startup(*args, **kwargs)
        signals.install_signal_wakeup()
        if self._admin:
            self._admin.start()


def create_worker_app(
    settings: Settings,
    metrics_dir: str | None,
    parent: ParentPipe,
    start_heartbeat: Callable[[], object] | None = None,
    *,
    manager: ServiceManager | None = None,
) -> Flask:
    """Build the application in a worker process of `DrainingServer`.

    The worker leaves the process group of the terminal. A Ctrl-C would otherwise reach
    the worker twice, from the terminal and from the parent, and a worker that receives
    both may hang until it is killed.

    Args:
        settings: The settings, from the parent.
        metrics_dir: The directory of the metrics, from the parent.
        parent: Reports the end of the parent.
        start_heartbeat: Called once the application is built; None without an admin
            listener.
        manager: Gets a report once the worker listens; None without one.

    Returns:
        The application.
    """
    os.setpgid(0, 0)
    if start_heartbeat:
        os.nice(_NICENESS_BELOW_PARENT)
    for number in (signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
    log_config.configure()
    draining = Event()
    try:
        signals.install_signal_wakeup()
        memory.start_trimming()
        signal.signal(_DRAIN_SIGNAL, lambda *_: draining.set())
        parent.call_at_end_of_parent(partial(_stop_orphan, metrics_dir))
        remove_request_variables(os.environ)
        app = create_app(settings, draining=draining.is_set, metrics_dir=metrics_dir)
        background.start(app)
        if start_heartbeat:
            start_heartbeat()
        if manager:
            manager.notify_once_listening()
        return app  # noqa: TRY300 - a failure of any of it ends the worker
    except Exception:
        log.exception("the worker did not start")
        sys.exit(1)


def _stop_orphan(metrics_dir: str | None) -> None:
    """Stop this worker, the parent of which has ended.

    It listens no longer and completes the requests in flight, as at every stop. It does
    not drain, because a new parent can need the port at once.
    """
    log.error("the parent process has ended: this worker stops")
    if metrics_dir:
        shutil.rmtree(metrics_dir, ignore_errors=True)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_STOP_TIMEOUT)
    os.kill(os.getpid(), signal.SIGKILL)


def remove_request_variables(environ: MutableMapping[str, str]) -> None:
    """Delete the variables that a WSGI application would take for parts of a request.

    Granian copies the variables of the process into each WSGI environment, after the
    application was built. A variable `HTTP_X_REQUEST_ID` or `CONTENT_TYPE` would become
    a header of every request that does not send it. Names with a dot belong to WSGI and
    its libraries, such as `werkzeug.request`.

    Args:
        environ: The environment of the process, which is changed.
    """
    for name in list(environ):
        if name.startswith("HTTP_") or name in _REQUEST_VARIABLES or "." in name:
            del environ[name]
