from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import ClassVar

import pytest
from argon2.low_level import Type, hash_secret_raw

from otp_engine.domain.hashing import COSTS, Cost, HashingPool
from otp_engine.errors import Saturated


@pytest.mark.parametrize(
    ("text", "cost"),
    [
        ("owasp", Cost(19_456, 2, 1)),
        ("RFC9106", Cost(65_536, 3, 4)),
        ("m=12288,t=3,p=1", Cost(12_288, 3, 1)),
        ("m=12288, t=3, p=1", Cost(12_288, 3, 1)),
    ],
)
def test_a_cost_has_a_name_or_is_written_out(text, cost):
    assert Cost.parse(text) == cost


@pytest.mark.parametrize(
    "text",
    [
        *("", "cheap", "m=1,t=1,p=1", "m=64,t=0,p=1", "m=64,t=1,p=0", "m=8,t=1,p=4"),
        *("m=1048577,t=1,p=1", "m=64,t=17,p=1", "m=1024,t=1,p=17"),
    ],
)
def test_a_cost_that_argon2_would_not_accept_is_refused(text):
    with pytest.raises(ValueError, match=r"must|needs"):
        Cost.parse(text)


@pytest.mark.parametrize("cost", COSTS.values(), ids=COSTS)
def test_a_cost_reads_as_it_is_written(cost):
    assert Cost.parse(str(cost)) == cost


def test_the_hash_is_argon2id_at_the_cost_that_was_asked_for():
    expected = hash_secret_raw(b"secret", b"s" * 16, 2, 64, 1, 32, Type.ID)

    assert Cost(64, 2, 1).derive(b"secret", b"s" * 16) == expected


@pytest.mark.parametrize(
    ("name", "meets"),
    [("owasp", True), ("rfc9106", True), ("light", False), ("test", False)],
)
def test_it_is_known_which_costs_asvs_accepts(name, meets):
    assert COSTS[name].meets_asvs is meets


class SlowCost(Cost):
    """A cost that hashes for as long as the test wants."""

    begun: ClassVar[threading.Semaphore]
    end: ClassVar[threading.Event]

    def derive(self, material: bytes, salt: bytes) -> bytes:
        self.begun.release()
        self.end.wait(10)
        return material + salt


@pytest.fixture
def slow():
    SlowCost.begun, SlowCost.end = threading.Semaphore(0), threading.Event()
    return SlowCost(8, 1, 1)


def test_what_does_not_fit_into_the_queue_is_refused_at_once(slow):
    pool = HashingPool(1, waiting=1)
    with ThreadPoolExecutor(2) as callers:
        waiting = [callers.submit(pool.derive, b"a", b"b", slow) for _ in range(2)]
        slow.begun.acquire()
        while pool._places._value:  # noqa: SLF001 - until both have their place
            pass

        with pytest.raises(Saturated):
            pool.expect_room()
        with pytest.raises(Saturated):
            pool.derive(b"a", b"b", slow)

        slow.end.set()
        assert [answer.result() for answer in waiting] == [b"ab", b"ab"]


def test_what_is_not_begun_soon_enough_is_refused(slow):
    pool = HashingPool(1, waiting=1, patience=timedelta(milliseconds=20))
    with ThreadPoolExecutor(1) as callers:
        begun = callers.submit(pool.derive, b"a", b"b", slow)
        slow.begun.acquire()

        with pytest.raises(Saturated):
            pool.derive(b"a", b"s" * 16, COSTS["test"])

        slow.end.set()
        assert begun.result() == b"ab"


def test_a_place_is_free_again_after_the_hash():
    pool = HashingPool(1, waiting=0)

    hashes = {pool.derive(b"a", b"s" * 16, COSTS["test"]) for _ in range(3)}

    assert len(hashes) == 1
