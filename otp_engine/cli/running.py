"""`otp-engine serve`, `doctor` and `keygen`."""

from __future__ import annotations

import base64
import logging
import os
import secrets
import shutil
import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from tempfile import TemporaryDirectory, gettempdir

import click
from granian.constants import HTTPModes, Interfaces

from otp_engine import __version__, senders
from otp_engine.app import IN_FLIGHT, METRICS_FOLDER, THREADS, cores
from otp_engine.cli.saying import fail, good, mark, plan, warn
from otp_engine.config import Settings, doubts
from otp_engine.crypto.pepper import MIN_BYTES
from otp_engine.domain.amendments import amended
from otp_engine.domain.guessing import chance
from otp_engine.domain.policy_versions import PolicyVersions
from otp_engine.errors import OTPError, StoreUnavailable
from otp_engine.ops import logs
from otp_engine.server import Server
from otp_engine.store.verifications import RedisStore

log = logging.getLogger(__name__)

_LEAST_ROOM = 32 * 1024 * 1024  # bytes
_DRAIN_SECONDS = 15  # longer than a carrier may take to answer


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="otp-engine %(version)s")
def main() -> None:
    """Run and look after a one-time-code service.

    Settings come from environment variables; the README lists them.
    """


@main.command()
@click.option("--dev", is_flag=True, help="No Redis, no keys, codes on the console.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Listen here.")
@click.option("--port", default=3000, show_default=True, type=click.IntRange(1, 65535))
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    help="Processes.  [default: one a core; one with the store of dev mode]",
)
def serve(*, dev: bool, host: str, port: int, workers: int | None) -> None:
    """Serve the API.

    Stops gracefully on SIGTERM: requests in flight are answered first.
    """
    settings, store = plan(**({"OTP_DEV": "1"} if dev else {}))
    if workers is None:
        workers = cores() if settings.redis_url else 1
    if workers > 1 and settings.redis_url is None:
        fail("several workers need a REDIS_URL: each would have a store of its own")
    _expect_free(host, port)
    settings = replace(settings, workers=workers)
    logs.configure()
    log.info("a code can be guessed with a chance of %s", chance(settings.policy))
    exposed = doubts.of_host(settings, host)
    for warning in [*settings.warnings, *exposed, *_doubts(settings, store)]:
        log.warning(warning)
    if settings.inbox:
        good(f"verify a number: http://localhost:{port}/verify")
        good(f"the messages:    http://localhost:{port}/dev/inbox")
        good(f"the API:         http://localhost:{port}/docs")
    server = _server(settings, host=host, port=port, workers=workers)
    if not (settings.dev or settings.metrics_key):
        server.run()
        return
    with _folder() as folder:
        os.environ[METRICS_FOLDER] = folder
        server.run()


def _folder() -> TemporaryDirectory[str]:
    """Where the workers count together."""
    try:
        folder = TemporaryDirectory(prefix="otp-engine-")
    except OSError as error:
        fail(f"no place for the metrics of the workers: {error.strerror}; set TMPDIR")
    # What is written there is mapped: with no room left, a write ends the worker.
    if shutil.disk_usage(folder.name).free < _LEAST_ROOM:
        folder.cleanup()
        fail(f"no room for the metrics of the workers in {gettempdir()}; set TMPDIR")
    return folder


def _server(settings: Settings, *, host: str, port: int, workers: int) -> Server:
    return Server(
        settings,
        interface=Interfaces.WSGI,
        address=host,
        port=port,
        workers=workers,
        blocking_threads=THREADS,
        http=HTTPModes.http1,
        websockets=False,
        respawn_failed_workers=True,
        workers_kill_timeout=_DRAIN_SECONDS,
        log_dictconfig=logs.settings(),
    )


@main.command()
def doctor() -> None:
    """Say what is wrong with the settings, Redis and the carrier.

    Exits with 0 if the service could serve a request right now, and 1 if not.
    """
    settings, store = plan()
    good("the settings hold")
    good(f"a code can be guessed with a chance of {chance(settings.policy)} at most")
    for warning in settings.warnings:
        warn(warning)
    sender = senders.build(settings, in_flight=IN_FLIGHT)
    healthy = [
        _answers(f"Redis ({_where(settings)})", store.ping),
        _answers(f"the sender ({', '.join(settings.senders)})", sender.ping),
    ]
    if all(healthy):
        for doubt in _doubts(settings, store):
            warn(doubt)
    sys.exit(0 if all(healthy) else 1)


@main.command()
def keygen() -> None:
    """Print a fresh pepper, as a line for the environment."""
    pepper = base64.b64encode(secrets.token_bytes(MIN_BYTES)).decode()
    click.echo(f"OTP_PEPPER={pepper}")


def _doubts(settings: Settings, store: RedisStore) -> list[str]:
    if settings.redis_url is None:
        return []
    versions = PolicyVersions(store.policy_versions, settings.peppers)
    unanswered = (
        (store.persistence_warnings, "whether it could forget: INFO is not answered"),
        (versions.doubts, "which policy is live"),
        (
            lambda: _stored_doubts(settings, store, versions),
            "how strong its policy and services are",
        ),
    )
    doubts = []
    for ask, what in unanswered:
        try:
            doubts += ask()
        except StoreUnavailable:
            doubts.append(f"Redis does not say {what}")
    return doubts


def _stored_doubts(
    settings: Settings, store: RedisStore, versions: PolicyVersions
) -> list[str]:
    """List what is unwise in the policy and in the services that Redis has."""
    try:
        live = amended(settings.policy, versions.latest())
    except ValueError:
        return ["live policy: this release cannot read one of its values"]
    found = doubts.of_policy(live, settings)
    return [
        *(f"live policy: {one}" for one in found if one not in settings.warnings),
        *(
            one
            for service in store.services.all()
            for one in doubts.of_service(service)
        ),
    ]


def _expect_free(host: str, port: int) -> None:
    """Refuse a port that is taken: the server would share it with another one."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
    except OSError as error:
        fail(f"cannot listen on {host}, port {port}: {error.strerror}")


def _where(settings: Settings) -> str:
    url = settings.redis_url or "in this process"
    scheme, slashes, rest = url.partition("://")
    return f"{scheme}{slashes}{rest.rpartition('@')[-1].partition('?')[0]}"


def _answers(whom: str, ping: Callable[[], None]) -> bool:
    try:
        ping()
    except OTPError:
        mark("✗", "red", f"{whom} does not answer as it should")
        return False
    good(f"{whom} answers")
    return True
