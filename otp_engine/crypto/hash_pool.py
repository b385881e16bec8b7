"""A thread pool for Argon2 with a queue that is limited in length and in time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
from functools import partial
from threading import BoundedSemaphore
from time import perf_counter

from otp_engine.crypto.argon2 import Argon2Parameters
from otp_engine.errors import Overloaded
from otp_engine.resilience.dependency_metrics import NULL_METRICS, DependencyMetrics

# A request that waits for a hash holds a thread that could serve others. So the queue
# holds few of them, and for less time than a client waits before it retries.
_QUEUED_PER_THREAD = 4
_QUEUE_TIMEOUT = timedelta(milliseconds=150)


class HashPool:
    """Hashes in a few threads.

    Without it each request thread would hold the memory of a hash at the same time, and
    cheap requests would wait for expensive ones. Argon2 releases the GIL, so more
    threads than cores are useless.
    """

    def __init__(
        self,
        threads: int,
        *,
        max_queued: int | None = None,
        queue_timeout: timedelta = _QUEUE_TIMEOUT,
        metrics: DependencyMetrics = NULL_METRICS,
    ) -> None:
        """Start the pool.

        Args:
            threads: Number of threads: the cores of this process.
            max_queued: Number of hashes that may wait. Default: 4 a thread.
            queue_timeout: How long a hash may wait for a thread.
            metrics: Measures how long each hash waited and took.
        """
        if max_queued is None:
            max_queued = _QUEUED_PER_THREAD * threads
        self._queue_timeout = queue_timeout.total_seconds()
        self._metrics = metrics
        self._slots = BoundedSemaphore(threads + max_queued)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="hashing")

    def check_capacity(self) -> None:
        """Check that the queue has a free slot, before other work is done for a hash.

        This reserves nothing, so `hash` may still raise. Under a flood it rejects most
        requests at almost no cost.

        Raises:
            Overloaded: The queue is full.
        """
        self._acquire_slot()
        self._slots.release()

    def hash(self, secret: bytes, salt: bytes, parameters: Argon2Parameters) -> bytes:
        """Return the hash of *secret*, after a short wait for a thread.

        Raises:
            Overloaded: The queue is full, or the wait timed out; nothing was hashed.
        """
        self._acquire_slot()
        try:
            compute = partial(parameters.hash, secret, salt)
            future = self._pool.submit(self._measure, compute, perf_counter())
            done, _ = wait([future], self._queue_timeout)
            # A hash that has started cannot be canceled, and its result is used.
            if not done and future.cancel():
                self._metrics.count_hash_rejection()
                raise Overloaded
            return future.result()
        finally:
            self._slots.release()

    def _acquire_slot(self) -> None:
        if not self._slots.acquire(blocking=False):
            self._metrics.count_hash_rejection()
            raise Overloaded

    def _measure(self, compute: Callable[[], bytes], queued_at: float) -> bytes:
        started = perf_counter()
        result = compute()
        waited, took = started - queued_at, perf_counter() - started
        self._metrics.observe_hash(waited=waited, took=took)
        return result
