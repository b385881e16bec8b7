"""How many requests, messages and hashes a worker has at once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from math import ceil
from pathlib import Path

from otp_engine.crypto import hash_queue

MAX_CONCURRENT_SENDS = 32
"""Messages that can wait for a provider at once, in each worker."""


THREADS = hash_queue.DEFAULT_WAITING + MAX_CONCURRENT_SENDS + 32
"""Threads for requests in each worker. They start on demand, and most of them wait for
a hash, for a provider or for Redis, which has 32 connections. There are enough for all
three at once, so a check never waits for a send, and a health check for neither."""


def cpu_count(
    groups: Path = Path("/sys/fs/cgroup"), membership: Path = Path("/proc/self/cgroup")
) -> int:
    """Return the number of cores that this process may use.

    A container with a CPU limit sees all cores of its machine. It would run a hash on
    each of them at once, which takes the memory of all these hashes and no less time.

    Args:
        groups: The folder of the control groups, version 2.
        membership: The file that names the group of this process.
    """
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return min([cores, *_cpu_limits(groups, membership)])


def _cpu_limits(groups: Path, membership: Path) -> Iterator[int]:
    """Yield the CPU limit of each group that this process is in, in whole cores.

    In a container the path of its group can be one of the machine, and missing here.
    Its own group is then the root.
    """
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return
    for path in (line.removeprefix("0::/") for line in lines if line[:4] == "0::/"):
        group = groups / path
        for folder in (group, *group.parents):
            if folder.is_relative_to(groups):
                yield from _cpu_limit(folder / "cpu.max")


def _cpu_limit(file: Path) -> Iterator[int]:
    """Yield the limit in *file*, unless it has none."""
    try:
        quota, _, period = file.read_text().partition(" ")
        yield max(1, ceil(int(quota) / int(period)))
    except (OSError, ValueError):
        # The root of the machine has no such file, and `max` is no limit.
        return


def concurrent_hashes(workers: int) -> int:
    """Return how many hashes a worker runs at once.

    Connections are not spread evenly over the workers. So each one has a hash more than
    its share of the cores, and no core idles while requests wait in another worker.

    Args:
        workers: Number of workers.
    """
    return min(cpu_count(), cpu_count() // workers + 1)
