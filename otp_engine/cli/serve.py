"""`otp-engine serve`: run the service."""

from __future__ import annotations

import logging
import os
import shutil
import socket
from dataclasses import replace
from tempfile import TemporaryDirectory, gettempdir

from granian.constants import HTTPModes, Interfaces

from otp_engine.app import METRICS_DIR_VARIABLE, THREADS, cpu_count
from otp_engine.cli import stored_config_warnings
from otp_engine.cli.common import load
from otp_engine.cli.terminal import fail, success
from otp_engine.config import Settings, setting_warnings
from otp_engine.domain.policy.online_guessing import guessing_chance
from otp_engine.ops import log_config
from otp_engine.server import DrainingServer
from otp_engine.store.redis_store import RedisStore

log = logging.getLogger(__name__)

_MIN_FREE_BYTES = 32 * 1024 * 1024
_KILL_TIMEOUT = 15  # seconds; longer than the timeout of a provider


def serve(*, dev: bool, host: str, port: int, workers: int | None) -> None:
    """Run the service until SIGTERM.

    Args:
        dev: Whether to start in dev mode.
        host: Address to listen on.
        port: Port to listen on.
        workers: Number of processes; None for one for each core, or for one process
            with the embedded store.
    """
    settings, store = load(**({"OTP_DEV": "1"} if dev else {}))
    if workers is None:
        workers = cpu_count() if settings.redis_url else 1
    if workers > 1 and settings.redis_url is None:
        fail("--workers over 1 needs REDIS_URL: each worker has its own embedded store")
    _require_free_port(host, port)
    settings = replace(settings, workers=workers)
    log_config.configure()
    _log_warnings(settings, store, host)
    if settings.inbox:
        success(f"verify page: http://localhost:{port}/verify")
        success(f"messages:    http://localhost:{port}/dev/inbox")
        success(f"API docs:    http://localhost:{port}/docs")
    server = _server(settings, host=host, port=port, workers=workers)
    if not (settings.dev or settings.metrics_key):
        server.run()
        return
    with _metrics_dir() as directory:
        os.environ[METRICS_DIR_VARIABLE] = directory
        server.run()


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


def _server(
    settings: Settings, *, host: str, port: int, workers: int
) -> DrainingServer:
    return DrainingServer(
        settings,
        interface=Interfaces.WSGI,
        address=host,
        port=port,
        workers=workers,
        blocking_threads=THREADS,
        http=HTTPModes.http1,
        websockets=False,
        respawn_failed_workers=True,
        workers_kill_timeout=_KILL_TIMEOUT,
        log_dictconfig=log_config.build_config(),
    )


def _require_free_port(host: str, port: int) -> None:
    """Reject a port that is in use, because Granian would share it (SO_REUSEPORT)."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
    except OSError as error:
        fail(f"cannot listen on {host}, port {port}: {error.strerror}")
