"""`otp-engine serve`: run the service."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import sys
from contextlib import ExitStack
from dataclasses import replace
from tempfile import TemporaryDirectory, gettempdir

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings

from otp_engine.cli import connection_limit, listen_address, stored_config_warnings
from otp_engine.cli.common import load
from otp_engine.cli.listen_address import ListenAddress
from otp_engine.cli.terminal import fail, success
from otp_engine.composition.capacity import THREADS, cpu_count
from otp_engine.composition.metrics import METRICS_DIR_VARIABLE
from otp_engine.config import Settings, setting_warnings
from otp_engine.domain.policy.online_guessing import guessing_chance
from otp_engine.ops import log_config
from otp_engine.server import DrainingServer
from otp_engine.service_manager import ServiceManager
from otp_engine.store.redis_store import RedisStore

log = logging.getLogger(__name__)

_MIN_FREE_BYTES = 32 * 1024 * 1024


def serve(
    *, dev: bool, host: str, port: int, workers: int | None, url: str | None
) -> None:
    """Run the service until SIGTERM.

    Args:
        dev: Whether to start in dev mode.
        host: IP address or host name to listen on.
        port: Port to listen on; 0 means any free one.
        workers: Number of processes; None for one for each core, or for one process
            with the embedded store.
        url: URL that the first log lines show; None for the public URL of the
            settings, or the listen address.
    """
    settings, store = load(**({"OTP_DEV": "1"} if dev else {}))
    if workers is None:
        workers = cpu_count() if settings.redis_url else 1
    if workers > 1 and settings.redis_url is None:
        fail("--workers over 1 needs REDIS_URL: each worker has its own embedded store")
    address = _find_address(host, port)
    settings = replace(settings, workers=workers)
    log_config.configure()
    admin_listener = _listen_for_admin(settings, address)
    _log_warnings(settings, store, address.ip)
    _show_urls(settings, url or settings.public_url or address.url)
    with ExitStack() as stack:
        metrics_dir = None
        os.environ.pop(METRICS_DIR_VARIABLE, None)
        if settings.has_metrics:
            metrics_dir = stack.enter_context(_metrics_dir())
            os.environ[METRICS_DIR_VARIABLE] = metrics_dir
        _server(settings, address, metrics_dir, admin_listener).run()


def _find_address(host: str, port: int) -> ListenAddress:
    try:
        return listen_address.find(host, port)
    except ValueError as error:
        fail(f"cannot listen on {host}, port {port}: {error}")


def _listen_for_admin(
    settings: Settings, address: ListenAddress
) -> socket.socket | None:
    """Open the socket of the admin listener, if the settings have one."""
    if settings.admin_port is None:
        return None
    if settings.admin_port == address.port:
        fail(f"OTP_ADMIN_PORT is {address.port}, the port of the service: set another")
    host = settings.admin_host or address.ip
    try:
        listener = listen_address.bind(host, settings.admin_port)
        listener.listen()
    except (OSError, ValueError) as error:
        fail(
            "the admin listener (OTP_ADMIN_PORT) cannot listen on"
            f" {host}, port {settings.admin_port}: {error}"
        )
    paths = (
        "/healthz, /readyz, /metrics" if settings.has_metrics else "/healthz, /readyz"
    )
    log.info("admin listener: %s (%s)", listen_address.of(listener).url, paths)
    return listener


def _show_urls(settings: Settings, url: str) -> None:
    """Show where a person starts; a log line where another program reads the log."""
    pages = {
        "verify page": ("/verify", settings.verify_page.enabled),
        "messages": ("/dev/inbox", settings.inbox),
        "API docs": ("/docs", settings.inbox),
        "console": ("/console", settings.has_console),
    }
    for name, (path, is_shown) in pages.items():
        if not is_shown:
            continue
        if sys.stderr.isatty():
            success(f"{name + ':':<12} {url.rstrip('/')}{path}")
        else:
            log.info("%s: %s%s", name, url.rstrip("/"), path)


def _log_warnings(settings: Settings, store: RedisStore, host: str) -> None:
    chance = guessing_chance(settings.policy, settings.service.code_length)
    log.info("the chance of guessing a code is at most %s", chance)
    warnings = [
        *settings.warnings,
        *setting_warnings.host_warnings(settings, host),
        *stored_config_warnings.collect(settings, store),
    ]
    for warning in warnings:
        log.warning(warning)


def _metrics_dir() -> TemporaryDirectory[str]:
    """Create the directory in which the workers share their metrics."""
    try:
        directory = TemporaryDirectory(prefix="otp-engine-")
    except OSError as error:
        fail(
            f"no directory for metrics: {error.strerror}; set TMPDIR to a writable one"
        )
    # The files are memory-mapped: on a full disk, a write ends the worker with SIGBUS.
    if shutil.disk_usage(directory.name).free < _MIN_FREE_BYTES:
        directory.cleanup()
        fail(
            f"{gettempdir()} has no space for metrics; set TMPDIR to another directory"
        )
    return directory


def _service_manager() -> ServiceManager | None:
    """Return the manager that started this process, if it requests reports."""
    address = os.environ.pop("NOTIFY_SOCKET", None)
    return ServiceManager(address) if address else None


def http1_settings(settings: Settings) -> HTTP1Settings:
    """Return the options of Granian for connections.

    Its one timeout starts at the connection and after each response, and ends when the
    headers of the next request are complete.
    """
    seconds = settings.keep_alive.total_seconds()
    return HTTP1Settings(
        header_read_timeout=round(seconds * 1000),
        max_buffer_size=connection_limit.MAX_HEADER_BYTES,
    )


def _server(
    settings: Settings,
    address: ListenAddress,
    metrics_dir: str | None,
    admin_listener: socket.socket | None,
) -> DrainingServer:
    return DrainingServer(
        settings,
        metrics_dir=metrics_dir,
        admin_listener=admin_listener,
        manager=_service_manager(),
        interface=Interfaces.WSGI,
        address=address.ip,
        port=address.port,
        workers=settings.workers,
        blocking_threads=THREADS,
        backpressure=connection_limit.apply(settings.workers),
        http=HTTPModes.http1,
        http1_settings=http1_settings(settings),
        websockets=False,
        respawn_failed_workers=True,
        log_dictconfig=log_config.build_config(),
    )
