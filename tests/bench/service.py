"""A service of any tree with a Redis of its own, driven through settings and HTTP."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from otp_engine.crypto import api_keys
from tests.bench import processes
from tests.bench.clients import API_KEY
from tests.bench.redis_stats import RedisStats
from tests.support import redis_server, server_process
from tests.support.fake_wall_clock import FakeWallClock

ROOT = Path(__file__).parents[2]
TRIVIAL = "m=64,t=1,p=1"
"""Argon2 parameters that cost almost nothing."""

SETTINGS = {
    # The load is one client with few phones, which the default limits would refuse.
    "OTP_SENDS_TOTAL": "1000000/1h",
    "OTP_MAX_CHECKS": "100",
    "OTP_FAILED_CHECKS_PER_PHONE": "100/1h",
    "OTP_METRICS_KEY": api_keys.hashed_form("metrics-secret-0123456789"),
    "OTP_API_KEYS": api_keys.env_entry("shop", API_KEY),
}


@dataclass(frozen=True, slots=True)
class Service:
    """A running service.

    Attributes:
        port: Its port.
        pid: Its parent process.
        redis: The counters of its Redis, or of the first node of its Cluster.
    """

    port: int
    pid: int
    redis: RedisStats

    @property
    def pids(self) -> list[int]:
        """The parent and the workers."""
        return processes.of_session(self.pid)

    def cpu(self) -> tuple[float, float]:
        """Return the CPU seconds of the service, and those of Redis."""
        return processes.cpu_seconds(self.pids), processes.cpu_seconds([self.redis.pid])

    def worker_cpu(self) -> list[float]:
        """Return the CPU seconds of each worker."""
        return [processes.cpu_seconds([p]) for p in self.pids if p != self.pid]

    def memory(self) -> tuple[float, float]:
        """Return the PSS and the RSS of all its processes, in MiB."""
        pids = self.pids
        return processes.memory_mib(pids, "Pss"), processes.memory_mib(pids, "Rss")


@contextmanager
def running(
    folder: Path,
    tree: Path,
    provider_url: str,
    workers: int,
    settings: Mapping[str, str],
    clock: FakeWallClock | None = None,
) -> Iterator[Service]:
    """Run a service and a Redis, with their files in *folder*.

    Args:
        folder: An empty folder.
        tree: The tree of files that the service is imported from.
        provider_url: The base URL of the provider.
        workers: Number of workers.
        settings: Settings in addition to those of `SETTINGS`.
        clock: The clock of Redis; None for the real one.
    """
    with _redis(folder, clock) as url:
        stats = RedisStats(url)
        try:
            environ = server_process.production(url, provider_url)
            environ |= {**SETTINGS, **settings}
            with serving(folder, tree, workers, environ) as (port, pid):
                yield Service(port, pid, stats)
        finally:
            stats.close()


@contextmanager
def _redis(folder: Path, clock: FakeWallClock | None) -> Iterator[str]:
    if clock is None:
        with redis_server.redis_on_a_socket(folder) as url:
            yield url
        return
    environ = server_process.PATH | clock.environ
    with redis_server.restartable_redis(
        folder, "--save", "", environ=environ
    ) as server:
        yield server.url


@contextmanager
def serving(
    folder: Path, tree: Path, workers: int, environ: Mapping[str, str]
) -> Iterator[tuple[int, int]]:
    """Run `otp-engine serve`; yield its port and its process."""
    port, log = redis_server.free_port(), folder / "service.log"
    command = [*server_process.PROGRAM, "serve", "--port", str(port)]
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [*command, "--workers", str(workers)],
            env={**server_process.PATH, **environ},
            stdout=output,
            stderr=output,
            # `python -m` imports from the working directory first.
            cwd=tree,
            start_new_session=True,
        ) as process,
    ):
        try:
            redis_server.wait_until(lambda: _started(process, log, workers))
            redis_server.wait_until(lambda: redis_server.listens(port))
            yield port, process.pid
        finally:
            process.terminate()
            process.wait(60)


def _started(process: subprocess.Popen[bytes], log: Path, workers: int) -> bool:
    text = log.read_text()
    if process.poll() is not None:
        sys.exit(f"the service did not start:\n{text}")
    return text.count("Started worker") >= workers
