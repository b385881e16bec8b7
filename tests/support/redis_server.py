"""Redis servers and ports that only one test run uses."""

from __future__ import annotations

import itertools
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis as redis_py

_FIRST_PORT = 10_000
_WORKERS = 8
_PORTS_PER_WORKER = 1_500
# Another run on the same machine starts elsewhere.
_tried_ports = itertools.count(secrets.randbelow(_PORTS_PER_WORKER))


def wait_until(condition: Callable[[], bool], *, seconds: float = 60) -> None:
    """Return once *condition* returns true; fail the test after *seconds*.

    The default is long, for a busy machine.
    """
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"the condition was false for {seconds} s")
        time.sleep(0.005)


def free_port() -> int:
    """Return a port of this machine that no process listened on just now.

    The port, and the port 10,000 higher, are below the range from which Linux takes the
    ports of outgoing connections. In that range a connection of another test can take
    the port before its server does. Each worker of pytest-xdist has ports of its own,
    because a server takes seconds until it listens.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first = _FIRST_PORT + worker % _WORKERS * _PORTS_PER_WORKER
    while True:
        port = first + next(_tried_ports) % _PORTS_PER_WORKER
        with socket.socket() as listener, suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port


def _free_port_for(options: Sequence[str]) -> int:
    """Return a free port; the port of a Cluster node's bus is then free too."""
    while True:
        port = free_port()
        # Redis 6.2 has no option for the port of the bus, which is 10,000 higher.
        bus = port + 10_000
        if "--cluster-enabled" not in options or (bus < 65_536 and not listens(bus)):
            return port


def serve_every_slot(node: redis_py.Redis) -> None:
    """Make *node* the only node of a Redis Cluster, and wait for its state `ok`."""
    node.execute_command("CLUSTER", "ADDSLOTS", *range(16_384))
    wait_until(lambda: b"cluster_state:ok" in node.execute_command("CLUSTER", "INFO"))


def listens(port: int, host: str = "127.0.0.1") -> bool:
    """Return whether a process accepts connections on *port* of this machine."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as connection:
        return connection.connect_ex((host, port)) == 0


def redis_program() -> str:
    """Return the path of redis-server; without it, skip the test, or fail it in CI."""
    return program("redis-server", required_by="OTP_REQUIRE_REDIS")


def program(name: str, *, required_by: str) -> str:
    """Return the path of a program; without it, skip the test, or fail it in CI."""
    # Debian has nginx and HAProxy in a folder that only root's PATH names.
    if path := shutil.which(name) or shutil.which(name, path="/usr/sbin"):
        return path
    if os.environ.get(required_by) == "1":
        pytest.fail(f"{name} is not installed, and {required_by}=1")
    pytest.skip(f"{name} is not installed")


@contextmanager
def redis_on_a_socket(folder: Path, *options: str) -> Iterator[str]:
    """Run a redis-server that listens on a socket in *folder* only; yield its URL."""
    url = f"unix://{folder / 'redis.sock'}"
    path = str(folder / "redis.sock")
    with _redis(folder, url, "--port", "0", "--unixsocket", path, *options):
        yield url


@contextmanager
def redis_on_a_port(folder: Path, *options: str) -> Iterator[int]:
    """Run a redis-server on a free port of this machine only; yield the port."""
    port = _free_port_for(options)
    url = f"redis://127.0.0.1:{port}"
    listen = ("--port", str(port), "--bind", "127.0.0.1")
    with _redis(folder, url, *listen, *options):
        yield port


@contextmanager
def redis_with_tls(folder: Path, ca: Path, *options: str) -> Iterator[int]:
    """Run a redis-server that accepts connections with TLS only; yield the port.

    Args:
        folder: The folder of its files.
        ca: The certificates that it trusts, and that its clients trust.
        options: More options, its certificate among them.
    """
    port = _free_port_for(options)
    url = f"rediss://127.0.0.1:{port}?ssl_ca_certs={ca}&ssl_check_hostname=no"
    listen = ("--port", "0", "--tls-port", str(port), "--bind", "127.0.0.1")
    with _redis(folder, url, *listen, "--tls-ca-cert-file", str(ca), *options):
        yield port


@dataclass
class RedisProcess:
    """A redis-server that can be killed and started again on the same port."""

    port: int
    command: list[str]
    environ: Mapping[str, str] | None = None
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> float:
        """Start the server, and return the `time.monotonic` of its first reply."""
        self.process = subprocess.Popen(
            self.command, env=self.environ, stdout=subprocess.DEVNULL
        )
        with redis_py.Redis.from_url(self.url, retry=None) as client:
            wait_until(lambda: _replies(client))
        return time.monotonic()

    def kill(self) -> None:
        """Kill the process, as a crash does."""
        if self.process:
            self.process.kill()
            self.process.wait()

    def freeze(self) -> None:
        """Stop the process: it accepts connections and never replies."""
        os.kill(self.pid(), signal.SIGSTOP)

    def pid(self) -> int:
        assert self.process
        return self.process.pid


@contextmanager
def restartable_redis(
    folder: Path, *options: str, environ: Mapping[str, str] | None = None
) -> Iterator[RedisProcess]:
    """Run a redis-server that can be killed; its data is in *folder*."""
    port = _free_port_for(options)
    listen = ("--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder))
    server = RedisProcess(port, [redis_program(), *listen, *options], environ)
    server.start()
    try:
        yield server
    finally:
        server.kill()


def options_of_compose() -> list[str]:
    """Return the options with which `docker-compose.yml` starts Redis."""
    text = (Path(__file__).parents[2] / "docker-compose.yml").read_text()
    line = next(line for line in text.splitlines() if '"redis-server"' in line)
    command: list[str] = json.loads(line.partition(":")[2])
    return command[1:]


@contextmanager
def sentinel_on_a_port(settings: Path) -> Iterator[int]:
    """Run a Sentinel with the file *settings*, which Sentinel rewrites.

    Yields:
        Its port.
    """
    port = free_port()
    listen = ("--port", str(port), "--bind", "127.0.0.1", "--sentinel")
    with _running(f"redis://127.0.0.1:{port}", str(settings), *listen):
        yield port


@contextmanager
def sentinel_with_tls(settings: Path, ca: Path, *options: str) -> Iterator[int]:
    """Run a Sentinel as `redis_with_tls` runs a server, with *settings*."""
    port = free_port()
    url = f"rediss://127.0.0.1:{port}?ssl_ca_certs={ca}&ssl_check_hostname=no"
    listen = ("--port", "0", "--tls-port", str(port), "--bind", "127.0.0.1")
    trusted = ("--tls-ca-cert-file", str(ca))
    with _running(url, str(settings), "--sentinel", *listen, *trusted, *options):
        yield port


@contextmanager
def _redis(folder: Path, url: str, *options: str) -> Iterator[None]:
    with _running(url, *options, "--save", "", "--dir", str(folder)):
        yield


@contextmanager
def _running(url: str, *arguments: str) -> Iterator[None]:
    command = [redis_program(), *arguments]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            with redis_py.Redis.from_url(url, retry=None) as client:
                wait_until(lambda: _replies(client))
            yield
        finally:
            server.kill()


def _replies(redis: redis_py.Redis) -> bool:
    try:
        return bool(redis.ping())
    except redis_py.AuthenticationError:
        return True
    except redis_py.ConnectionError:
        return False
