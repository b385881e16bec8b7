"""Servers of our own, which nobody else can be using."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis


def wait_until(true: Callable[[], bool], *, seconds: float = 15) -> None:
    """Return as soon as *true* says so, and fail if it never does."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            pytest.fail(f"waited {seconds} s in vain")
        time.sleep(0.005)


def free_port() -> int:
    """A port of this machine that nobody listened on a moment ago."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def redis_program() -> str:
    """Where redis-server is; without one the test is skipped, or fails in CI."""
    if program := shutil.which("redis-server"):
        return program
    if os.environ.get("OTP_REQUIRE_REDIS") == "1":
        pytest.fail("redis-server is not installed, and OTP_REQUIRE_REDIS=1")
    pytest.skip("redis-server is not installed")


@contextmanager
def redis_on_a_socket(folder: Path, *options: str) -> Iterator[str]:
    """Run a redis-server that only this folder's socket leads to; yields its URL."""
    path = folder / "redis.sock"
    command = [
        *(redis_program(), "--port", "0", "--unixsocket", str(path)),
        *("--save", "", "--dir", str(folder), *options),
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        url = f"unix://{path}"
        with redis.Redis.from_url(url) as client:
            wait_until(lambda: _answers(client))
        try:
            yield url
        finally:
            server.kill()


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False
