from __future__ import annotations

import itertools
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from datetime import timedelta
from typing import Any

import pytest

from otp_engine.crypto.argon2 import PROFILES, Argon2Parameters
from otp_engine.crypto.hash_queue import HashQueue
from otp_engine.errors import Overloaded
from otp_engine.resilience.dependency_metrics import NullMetrics

WAIT = timedelta(seconds=3)


class Hashes(Argon2Parameters):
    """Parameters with hashes that end when the test ends them.

    Each returns its secret. They record the order in which they start.
    """

    # The parameters are frozen, and this is not.
    __setattr__ = object.__setattr__

    def __init__(self) -> None:
        super().__init__(8, 1, 1)
        self.changed = threading.Condition()
        self.started: list[bytes] = []
        self.ended = 0

    def hash(self, secret: bytes, salt: bytes) -> bytes:
        with self.changed:
            place = len(self.started)
            self.started.append(secret)
            self.changed.notify_all()
            assert self.changed.wait_for(lambda: self.ended > place, 30)
        if salt == b"error":
            raise MemoryError
        return secret

    def end(self, count: int) -> None:
        """End the first *count* hashes, those that have not started included."""
        with self.changed:
            self.ended = count
            self.changed.notify_all()

    def wait_until_started(self, count: int) -> list[bytes]:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.started) >= count, 30)
            return list(self.started)


class Callers:
    """Requests in threads of their own."""

    def __init__(self, queue: HashQueue, hashes: Hashes) -> None:
        self.queue, self.hashes = queue, hashes
        self.threads = ThreadPoolExecutor(64)

    def request(
        self, secret: bytes = b"x", salt: bytes = b"", requester: Any = (None, None)
    ) -> Future[bytes]:
        """Start a request, and return once it hashes or waits."""
        queue = self.queue
        before = queue._running, len_of(queue)  # noqa: SLF001 - no public method shows them
        future = self.threads.submit(self._run, secret, salt, requester)
        while (queue._running, len_of(queue)) == before and not future.done():  # noqa: SLF001 - see above
            pass
        return future

    def _run(self, secret: bytes, salt: bytes, requester: Any) -> bytes:
        with self.queue.acquire_slot(*requester) as compute:
            return compute(secret, salt, self.hashes)


def len_of(queue: HashQueue) -> int:
    return len(queue._waiting)  # noqa: SLF001 - no public method shows it


@pytest.fixture
def hashes():
    hashes = Hashes()
    yield hashes
    hashes.end(10_000)


class Clock:
    """A clock that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


def measured(queue: HashQueue, clock: Clock, seconds: float) -> HashQueue:
    """Return *queue* after one hash that took *seconds*."""

    class Timed(Argon2Parameters):
        def hash(self, secret: bytes, salt: bytes) -> bytes:
            clock.now += seconds
            return secret

    with queue.acquire_slot() as compute:
        compute(b"", b"", Timed(8, 1, 1))
    return queue


def test_hash_is_that_of_the_parameters():
    with HashQueue(1).acquire_slot() as compute:
        computed = compute(b"a", b"s" * 16, PROFILES["test"])

    assert computed == PROFILES["test"].hash(b"a", b"s" * 16)


def test_waiting_hashes_run_in_order(hashes):
    callers = Callers(HashQueue(1), hashes)
    secrets = [b"1", b"2", b"3", b"4"]

    futures = [callers.request(secret) for secret in secrets]
    hashes.end(4)

    assert [future.result() for future in futures] == secrets
    assert hashes.started == secrets


def test_only_so_many_hashes_run_at_once(hashes):
    callers = Callers(HashQueue(2), hashes)

    for secret in (b"1", b"2", b"3"):
        callers.request(secret)

    assert hashes.wait_until_started(2) == [b"1", b"2"]


def test_clients_take_turns(hashes):
    callers = Callers(HashQueue(1), hashes)
    callers.request(b"first")
    for n in range(3):
        callers.request(b"anonymous %d" % n)
    for n in range(2):
        callers.request(b"shop %d" % n, requester=("shop", None))

    hashes.end(6)

    assert hashes.wait_until_started(6) == [
        *(b"first", b"anonymous 0", b"shop 0", b"anonymous 1", b"shop 1"),
        b"anonymous 2",
    ]


def test_addresses_of_a_client_take_turns(hashes):
    callers = Callers(HashQueue(1), hashes)
    callers.request(b"first")
    for secret, address in ((b"a0", "a"), (b"a1", "a"), (b"a2", "a"), (b"b0", "b")):
        callers.request(secret, requester=(None, address))

    hashes.end(5)

    assert hashes.wait_until_started(5) == [b"first", b"a0", b"b0", b"a1", b"a2"]


def test_hash_that_raises_leaves_its_slot_to_the_next(hashes):
    callers = Callers(HashQueue(1), hashes)
    failing = callers.request(salt=b"error")
    waiting = callers.request(b"next")

    hashes.end(2)

    assert isinstance(failing.exception(), MemoryError)
    assert waiting.result() == b"next"


def test_request_without_a_hash_returns_its_slot(clock):
    queue = measured(HashQueue(1, wait=WAIT, clock=clock), clock, seconds=60)
    for _ in range(3):
        with pytest.raises(KeyError), queue.acquire_slot():
            raise KeyError

    with queue.acquire_slot() as compute:
        assert compute(b"a", b"s" * 16, PROFILES["test"])


def test_slot_is_free_once_it_has_hashed(clock):
    queue = measured(HashQueue(1, wait=WAIT, clock=clock), clock, seconds=60)

    with ExitStack() as slots:
        for _ in range(3):
            compute = slots.enter_context(queue.acquire_slot())
            compute(b"a", b"s" * 16, PROFILES["test"])


def test_waiting_hashes_are_limited(hashes):
    queue = HashQueue(1, max_waiting=2)
    callers = Callers(queue, hashes)
    for client in ("a", "b", "c"):
        callers.request(requester=(client, None))

    with pytest.raises(Overloaded), queue.acquire_slot("d"):
        pass


def test_request_is_admitted_up_to_the_expected_wait(clock):
    queue = measured(HashQueue(2, wait=WAIT, clock=clock), clock, seconds=0.5)

    with ExitStack() as slots:
        for _ in range(13):
            slots.enter_context(queue.acquire_slot())
        with pytest.raises(Overloaded) as raised, queue.acquire_slot():
            pass

    # 13 hashes of 0.5 s on two cores.
    assert raised.value.retry_after == timedelta(seconds=3.25)


def test_expensive_hash_is_admitted_while_few_are_ahead(clock):
    queue = measured(HashQueue(2, wait=WAIT, clock=clock), clock, seconds=60)

    with ExitStack() as slots:
        for _ in range(4):
            slots.enter_context(queue.acquire_slot())
        with pytest.raises(Overloaded) as raised, queue.acquire_slot():
            pass

    assert raised.value.retry_after == timedelta(seconds=5)


def test_duration_of_a_hash_is_a_moving_average(clock):
    queue = measured(HashQueue(1, wait=WAIT, clock=clock), clock, seconds=60)

    for _ in range(60):
        measured(queue, clock, seconds=0.01)

    assert queue._duration == pytest.approx(0.03, abs=0.02)  # noqa: SLF001 - a bound on it is enough


def test_hash_that_waits_too_long_raises_overloaded(hashes):
    queue = HashQueue(1, wait=timedelta(milliseconds=10))
    callers = Callers(queue, hashes)
    callers.request(b"first")

    late = callers.request(b"late")

    assert isinstance(late.exception(30), Overloaded)
    assert len_of(queue) == 0
    assert hashes.started == [b"first"]


def test_wait_shrinks_while_the_queue_does_not_empty(clock, hashes):
    queue = measured(HashQueue(1, wait=WAIT, clock=clock), clock, seconds=0.2)
    callers = Callers(queue, hashes)
    for _ in range(3):
        callers.request()
    clock.now += 4

    with pytest.raises(Overloaded) as raised, queue.acquire_slot():
        pass

    assert raised.value.retry_after == timedelta(seconds=4)


def test_wait_is_the_whole_again_once_the_queue_was_empty(clock, hashes):
    queue = measured(HashQueue(1, wait=WAIT, clock=clock), clock, seconds=0.2)
    callers = Callers(queue, hashes)
    futures = [callers.request() for _ in range(3)]
    clock.now += 3
    hashes.end(3)
    for future in futures:
        future.result()

    with ExitStack() as slots:
        for _ in range(4):
            slots.enter_context(queue.acquire_slot())


def test_client_is_admitted_beside_a_flood_of_another(clock, hashes):
    queue = measured(HashQueue(1, wait=WAIT, clock=clock), clock, seconds=0.2)
    callers = Callers(queue, hashes)
    callers.request()
    with ExitStack() as slots:
        with suppress(Overloaded):
            for _ in itertools.count():
                slots.enter_context(queue.acquire_slot())
        clock.now += 60

        for _ in range(5):
            slots.enter_context(queue.acquire_slot("shop"))


def test_address_has_room_beside_a_flood_of_another(hashes):
    queue = HashQueue(1, max_waiting=10)
    callers = Callers(queue, hashes)
    flood = (None, "203.0.113.1")
    futures = [callers.request(requester=flood) for _ in range(12)]

    waiting = callers.request(requester=(None, "203.0.113.2"))
    hashes.end(12)

    assert waiting.result() == b"x"
    assert [type(future.exception()) for future in futures[9:]] == [Overloaded] * 3


def test_repr_of_a_slot_omits_its_address():
    with HashQueue(1).acquire_slot("shop", "192.0.2.1") as compute:
        assert "192.0.2.1" not in repr(compute)


def test_hashes_of_one_slot_are_those_of_the_parameters():
    with HashQueue(1).acquire_slot() as compute:
        computed = compute(b"a", b"s" * 16, PROFILES["test"], more=[b"b", b"c"])

    each = [PROFILES["test"].hash(secret, b"s" * 16) for secret in (b"a", b"b", b"c")]
    assert computed == b"".join(each)


def test_hashes_of_one_slot_count_one_by_one_in_the_expected_wait(clock):
    queue = HashQueue(1, wait=timedelta(seconds=3), clock=clock)

    class Timed(Argon2Parameters):
        def hash(self, secret: bytes, salt: bytes) -> bytes:
            clock.now += 1
            return secret

    with queue.acquire_slot() as compute:
        compute(b"x", b"", Timed(8, 1, 1), more=[b"x"] * 9)

    with ExitStack() as slots:
        for _ in range(4):
            slots.enter_context(queue.acquire_slot())
        with pytest.raises(Overloaded) as raised:
            slots.enter_context(queue.acquire_slot())

    # Four hashes of one second.
    assert raised.value.retry_after == timedelta(seconds=4)


def test_metrics_observe_each_hash_of_one_slot():
    observed: list[float] = []

    class Metrics(NullMetrics):
        def observe_hash(self, *, waited: float, took: float) -> None:
            observed.append(took)

    with HashQueue(1, metrics=Metrics()).acquire_slot() as compute:
        compute(b"x", b"s" * 16, PROFILES["test"], more=[b"x"] * 9)

    assert len(observed) == 10
