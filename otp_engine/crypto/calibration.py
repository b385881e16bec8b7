"""Benchmarks of the Argon2 profiles on this machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from otp_engine.crypto.argon2 import Argon2Parameters

_SECRET, _SALT = b"m" * 32, b"s" * 16
_SECONDS_PER_HOUR = 3_600


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """The measured speed of one profile.

    Attributes:
        name: Name of the profile.
        argon2: Its parameters.
        threads: Number of threads that hashed at the same time.
        hashes_per_second: Hashes of all threads together. Each send and each check
            takes one hash, so this is the capacity of an instance with these threads.
    """

    name: str
    argon2: Argon2Parameters
    threads: int
    hashes_per_second: float

    @property
    def memory(self) -> int:
        """Bytes in use while every thread hashes."""
        return self.threads * self.argon2.memory_cost * 1024

    def core_hours(self, digits: int) -> float:
        """Return what an attacker with Redis and the pepper needs to try every code.

        Args:
            digits: Length of the codes.

        Returns:
            Hours of one core.
        """
        per_core = self.hashes_per_second / self.threads
        return float(10**digits) / per_core / _SECONDS_PER_HOUR


def calibrate(
    name: str,
    argon2: Argon2Parameters,
    *,
    threads: int,
    seconds: float,
    clock: Callable[[], float],
) -> Benchmark:
    """Measure one profile.

    Args:
        name: Name of the profile.
        argon2: Its parameters.
        threads: Number of threads that hash.
        seconds: How long to hash; each thread completes one hash at least.
        clock: Returns monotonic seconds.
    """
    start = clock()

    def hash_until_end(_: int) -> int:
        count = 0
        while not count or clock() < start + seconds:
            argon2.hash(_SECRET, _SALT)
            count += 1
        return count

    with ThreadPoolExecutor(threads) as pool:
        hashes = sum(pool.map(hash_until_end, range(threads)))
    return Benchmark(
        name=name,
        argon2=argon2,
        threads=threads,
        hashes_per_second=hashes / (clock() - start),
    )


def recommend(benchmarks: Sequence[Benchmark], rate: float) -> Benchmark | None:
    """Return the strongest profile that reaches *rate* hashes a second.

    Returns:
        The slowest of the *benchmarks* that is fast enough; None without one.
    """
    fast_enough = [each for each in benchmarks if each.hashes_per_second >= rate]
    return min(fast_enough, key=lambda each: each.hashes_per_second, default=None)
