"""How many requests, messages and hashes a worker has at once."""

from __future__ import annotations

import os

from otp_engine.crypto import hash_queue

MAX_CONCURRENT_SENDS = 32
"""Messages that can wait for a provider at once, in each worker."""


THREADS = hash_queue.DEFAULT_WAITING + MAX_CONCURRENT_SENDS + 32
"""Threads for requests in each worker. They start on demand, and most of them wait for
a hash, for a provider or for Redis, which has 32 connections. There are enough for all
three at once, so a check never waits for a send, and a health check for neither."""


def cpu_count() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def concurrent_hashes(workers: int) -> int:
    """Return how many hashes a worker runs at once.

    Connections are not spread evenly over the workers. So each one has a hash more than
    its share of the cores, and no core idles while requests wait in another worker.

    Args:
        workers: Number of workers.
    """
    return min(cpu_count(), cpu_count() // workers + 1)
