"""How a code is kept: Argon2id (RFC 9106) at a cost that has a name.

A named cost or one written out, as in `m=19456,t=2,p=1`: memory in KiB, passes over
it, lanes. The cost is kept beside each hash, so changing it troubles no code that is
already out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from threading import BoundedSemaphore
from time import perf_counter

from argon2.low_level import Type, hash_secret_raw

from otp_engine.errors import Saturated
from otp_engine.resilience.metrics import NULL_METRICS, Metrics

TAG_BYTES = 32
# A caller that waits holds a thread that could answer others: never most of them, and
# never for longer than a person would call at once.
_WAITING_PER_THREAD = 4
_PATIENCE = timedelta(milliseconds=150)
_MOST_MEMORY = 1024 * 1024  # KiB
_MOST_PASSES = 16
_ASVS_ROWS = ((47_104, 1), (19_456, 2), (12_288, 3))
_WRITTEN = re.compile(r"m=([0-9]{1,8}),t=([0-9]{1,3}),p=([0-9]{1,2})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Cost:
    """What one hash costs.

    Attributes:
        memory: KiB.
        passes: Times over that memory.
        lanes: Threads inside one hash; 1 on a server, where requests are the lanes.
    """

    memory: int
    passes: int
    lanes: int

    @classmethod
    def parse(cls, text: str) -> Cost:
        """Read a cost by its name, or as `m=KIB,t=PASSES,p=LANES`.

        Raises:
            ValueError: With a phrase that fits behind the name of a setting.
        """
        if named := COSTS.get(text.strip().lower()):
            return named
        if not (match := _WRITTEN.fullmatch(text.strip().replace(" ", ""))):
            names = ", ".join(COSTS)
            raise ValueError(f"must be {names}, or like m=19456,t=2,p=1: {text!r}")
        cost = cls(*map(int, match.groups()))
        if not (cost.passes and cost.lanes and cost.memory >= 8 * cost.lanes):
            raise ValueError(
                f"needs t and p of at least 1, and m of 8 times p: {text!r}"
            )
        if cost.memory > _MOST_MEMORY or max(cost.passes, cost.lanes) > _MOST_PASSES:
            raise ValueError(f"must keep m to 1048576, and t and p to 16: {text!r}")
        return cost

    def derive(self, material: bytes, salt: bytes) -> bytes:
        """Hash *material* to 32 bytes; the same inputs always give the same ones."""
        return hash_secret_raw(
            secret=material,
            salt=salt,
            time_cost=self.passes,
            memory_cost=self.memory,
            parallelism=self.lanes,
            hash_len=TAG_BYTES,
            type=Type.ID,
        )

    @property
    def meets_asvs(self) -> bool:
        """Whether OWASP ASVS 5.0, appendix C, accepts it for stored secrets."""
        return any(
            self.memory >= memory and self.passes >= passes
            for memory, passes in _ASVS_ROWS
        )

    def __str__(self) -> str:
        return f"m={self.memory},t={self.passes},p={self.lanes}"


COSTS = {
    # OWASP Password Storage Cheat Sheet, and the least that ASVS 5.0 C accepts.
    "owasp": Cost(19_456, 2, 1),
    # RFC 9106, section 4, second recommendation.
    "rfc9106": Cost(65_536, 3, 4),
    # NIST SP 800-63B-4, 3.1.2.2: the work factor may be small for random secrets.
    "light": Cost(4_096, 1, 1),
    # The least that Argon2 accepts. It protects nothing.
    "test": Cost(8, 1, 1),
}


class HashingPool:
    """A few threads that do nothing but hash, behind a queue that is short in time.

    Hashing in the threads that answer requests holds as many blocks of memory as
    there are requests, and keeps cheap ones waiting behind dear ones. Argon2 lets go
    of the interpreter while it works, so more threads than cores buy nothing.
    """

    def __init__(
        self,
        threads: int,
        *,
        waiting: int | None = None,
        patience: timedelta = _PATIENCE,
        meter: Metrics = NULL_METRICS,
    ) -> None:
        """Start *threads*.

        Args:
            threads: As many as there are cores for this process.
            waiting: How many hashes may queue; 4 a thread, if not said.
            patience: How long a hash may wait to be begun.
            meter: Is told how long each waited and took.
        """
        if waiting is None:
            waiting = _WAITING_PER_THREAD * threads
        self._patience = patience.total_seconds()
        self._meter = meter
        self._places = BoundedSemaphore(threads + waiting)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="hashing")

    def expect_room(self) -> None:
        """Say early that a hash would find no place, before anything is done for it.

        Nothing is reserved: `derive` may still say no. But under a flood most of what
        cannot be served is refused here, for next to nothing.

        Raises:
            Saturated: The queue is full.
        """
        self._take_place()
        self._places.release()

    def derive(self, material: bytes, salt: bytes, cost: Cost) -> bytes:
        """Hash *material* at *cost*, waiting a moment for a thread.

        Raises:
            Saturated: The queue is full, or too slow; nothing was hashed.
        """
        self._take_place()
        try:
            return self._derive_soon(partial(cost.derive, material, salt))
        finally:
            self._places.release()

    def _take_place(self) -> None:
        if not self._places.acquire(blocking=False):
            self._meter.count_hash_rejection()
            raise Saturated

    def _derive_soon(self, derive: Callable[[], bytes]) -> bytes:
        hashed = self._pool.submit(self._timed, derive, perf_counter())
        done, _ = wait([hashed], self._patience)
        # What has begun by now is paid for, so its end is waited for.
        if not done and hashed.cancel():
            self._meter.count_hash_rejection()
            raise Saturated
        return hashed.result()

    def _timed(self, derive: Callable[[], bytes], asked: float) -> bytes:
        began = perf_counter()
        derived = derive()
        self._meter.observe_hash(waited=began - asked, took=perf_counter() - began)
        return derived
