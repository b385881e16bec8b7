"""What the named costs of a hash mean on this machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from otp_engine.domain.hashing import Cost

_MATERIAL, _SALT = b"m" * 32, b"s" * 16
_SECONDS_OF_AN_HOUR = 3_600


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """One cost, measured.

    Attributes:
        threads: How many hashed at the same time.
        per_second: Hashes of all threads together, and so the sends and checks that
            an instance of so many threads can carry, for each takes one.
    """

    name: str
    cost: Cost
    threads: int
    per_second: float

    @property
    def memory(self) -> int:
        """Bytes that are held while every thread hashes."""
        return self.threads * self.cost.memory * 1024

    def core_hours(self, digits: int) -> float:
        """What a thief of Redis and of the pepper pays to try every code."""
        per_core = self.per_second / self.threads
        return float(10**digits) / per_core / _SECONDS_OF_AN_HOUR


def calibrate(
    name: str, cost: Cost, *, threads: int, seconds: float, clock: Callable[[], float]
) -> Calibrated:
    """Hash with so many *threads* for some *seconds*, by a *clock* that only grows."""
    began = clock()

    def hash_until_the_end(_: int) -> int:
        count = 0
        while not count or clock() < began + seconds:
            cost.derive(_MATERIAL, _SALT)
            count += 1
        return count

    with ThreadPoolExecutor(threads) as pool:
        hashes = sum(pool.map(hash_until_the_end, range(threads)))
    return Calibrated(
        name=name, cost=cost, threads=threads, per_second=hashes / (clock() - began)
    )


def propose(found: Sequence[Calibrated], rate: float) -> Calibrated | None:
    """The dearest of *found* that carries *rate* hashes a second, if one does."""
    able = [one for one in found if one.per_second >= rate]
    return min(able, key=lambda one: one.per_second, default=None)
