"""The hash rate of this machine without a service."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor

from otp_engine.crypto.argon2 import PROFILES, Argon2Parameters

CODE, SALT = b"c" * 32, b"s" * 16


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0))


def hash_rate(parameters: Argon2Parameters, seconds: float) -> float:
    """Return the hashes a second of one thread a core. Argon2 releases the GIL."""
    started = time.perf_counter()

    def count(_: int) -> int:
        hashes = 0
        while time.perf_counter() < started + seconds:
            parameters.hash(CODE, SALT)
            hashes += 1
        return hashes

    with ThreadPoolExecutor(cores()) as threads:
        hashes = sum(threads.map(count, range(cores())))
    return hashes / (time.perf_counter() - started)


def hash_seconds(parameters: Argon2Parameters) -> float:
    """Return the time of one hash."""
    started = time.perf_counter()
    parameters.hash(CODE, SALT)
    return time.perf_counter() - started


OWASP = PROFILES["owasp"]
