from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import ClassVar

import pytest

from otp_engine.crypto.argon2 import PROFILES, Argon2Parameters
from otp_engine.crypto.hash_pool import HashPool
from otp_engine.errors import Overloaded


class SlowParameters(Argon2Parameters):
    """Parameters with a hash that ends when the test sets `end`."""

    started: ClassVar[threading.Semaphore]
    end: ClassVar[threading.Event]

    def hash(self, secret: bytes, salt: bytes) -> bytes:
        self.started.release()
        self.end.wait(10)
        return secret + salt


@pytest.fixture
def slow():
    SlowParameters.started = threading.Semaphore(0)
    SlowParameters.end = threading.Event()
    return SlowParameters(8, 1, 1)


@contextmanager
def busy(pool, slow, *, requests):
    """Keep *requests* of the pool's slots in use."""
    with ThreadPoolExecutor(requests) as callers:
        futures = [callers.submit(pool.hash, b"a", b"b", slow) for _ in range(requests)]
        slow.started.acquire()
        while pool._slots._value and requests > 1:  # noqa: SLF001 - until each has its slot
            pass
        yield
        slow.end.set()
        assert {future.result() for future in futures} == {b"ab"}


def test_full_queue_raises_overloaded_from_check_capacity(slow):
    pool = HashPool(1, max_queued=1)

    with busy(pool, slow, requests=2), pytest.raises(Overloaded):
        pool.check_capacity()


def test_full_queue_raises_overloaded_from_hash(slow):
    pool = HashPool(1, max_queued=1)

    with busy(pool, slow, requests=2), pytest.raises(Overloaded):
        pool.hash(b"a", b"b", slow)


def test_queued_hash_raises_overloaded_after_timeout(slow):
    pool = HashPool(1, max_queued=1, queue_timeout=timedelta(milliseconds=20))

    with busy(pool, slow, requests=1), pytest.raises(Overloaded):
        pool.hash(b"a", b"s" * 16, PROFILES["test"])


def test_slot_is_released_after_the_hash():
    pool = HashPool(1, max_queued=0)

    hashes = {pool.hash(b"a", b"s" * 16, PROFILES["test"]) for _ in range(3)}

    assert len(hashes) == 1
