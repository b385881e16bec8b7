"""Any order of requests, hashes and errors, compared with a simple model."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count
from typing import Any, ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    precondition,
    rule,
)

from otp_engine.crypto.argon2 import Argon2Parameters
from otp_engine.crypto.fair_queue import Requester
from otp_engine.crypto.hash_queue import HashQueue

_SECONDS = 30  # until a thread that does not answer is an error
REQUESTERS = st.tuples(st.sampled_from([None, "shop", "bank"]), st.sampled_from("ab"))


class Hashes:
    """Hashes in progress, each of which the test ends."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.running: list[int] = []
        self.outcomes: dict[int, Exception | None] = {}

    def run(self, request: int) -> bytes:
        with self.changed:
            self.running.append(request)
            self.changed.notify_all()
            assert self.changed.wait_for(lambda: request in self.outcomes, _SECONDS)
            self.running.remove(request)
        if error := self.outcomes[request]:
            raise error
        return b"hash"

    def end(self, request: int, error: Exception | None) -> None:
        with self.changed:
            self.outcomes[request] = error
            self.changed.notify_all()

    def wait_until_running(self, requests: set[int]) -> None:
        with self.changed:
            assert self.changed.wait_for(
                lambda: set(self.running) == requests, _SECONDS
            )


class Parameters(Argon2Parameters):
    """Parameters that hash as the test wants."""

    hashes: ClassVar[Hashes]

    def hash(self, secret: bytes, salt: bytes) -> bytes:
        return self.hashes.run(int(secret))


class QueueAndModel(RuleBasedStateMachine):
    """A queue, and the requests that reserve, wait and hash by a simple model.

    In the model, a client and an address have the time at which they last took or
    joined a turn. The next hash is that of the oldest one.
    """

    reserved: Bundle[int] = Bundle("reserved")

    @initialize(max_running=st.integers(1, 3))
    def start(self, max_running: int) -> None:
        Parameters.hashes = self.hashes = Hashes()
        self.max_running = max_running
        self.queue = HashQueue(max_running, max_waiting=1_000)
        self.threads = ThreadPoolExecutor(64)
        self.ids, self.time = count(), count()
        self.requesters: dict[int, Requester] = {}
        self.slots: dict[int, tuple[ExitStack, Any]] = {}
        self.waiting: list[int] = []
        self.running: set[int] = set()
        self.turns: dict[object, int] = {}
        self.futures: dict[int, Future[bytes]] = {}

    @rule(target=reserved, requester=REQUESTERS)
    def reserve(self, requester: Requester) -> int:
        request = next(self.ids)
        self.requesters[request] = requester
        stack = ExitStack()
        compute = stack.enter_context(self.queue.acquire_slot(*requester))
        self.slots[request] = stack, compute
        return request

    @rule(request=consumes(reserved))
    def fail_before_the_hash(self, request: int) -> None:
        stack, _ = self.slots.pop(request)
        stack.close()

    @rule(request=consumes(reserved))
    def hash(self, request: int) -> None:
        stack, compute = self.slots.pop(request)
        queued = threading.Event()
        self.futures[request] = self.threads.submit(
            self._hash, request, stack, compute, queued
        )
        if len(self.running) < self.max_running:
            self.running.add(request)
        else:
            self._join(self.requesters[request])
            self.waiting.append(request)
            while self._queued() < len(self.waiting):
                queued.wait(0.0001)

    @staticmethod
    def _hash(
        request: int, stack: ExitStack, compute: Any, queued: threading.Event
    ) -> bytes:
        with stack:
            return compute(b"%d" % request, b"", Parameters(8, 1, 1))

    @precondition(lambda self: self.running)
    @rule(data=st.data(), error=st.sampled_from([None, MemoryError()]))
    def end(self, data: st.DataObject, error: Exception | None) -> None:
        request = data.draw(st.sampled_from(sorted(self.running)))
        self.running.remove(request)
        if self.waiting:
            self._start_next()
        self.hashes.end(request, error)
        assert self.futures.pop(request).exception(_SECONDS) is error

    def _join(self, requester: Requester) -> None:
        waiting = [self.requesters[each] for each in self.waiting]
        if requester[0] not in {client for client, _ in waiting}:
            self.turns[requester[0]] = next(self.time)
        if requester not in waiting:
            self.turns[requester] = next(self.time)

    def _start_next(self) -> None:
        request = min(
            self.waiting,
            key=lambda each: (
                self.turns[self.requesters[each][0]],
                self.turns[self.requesters[each]],
                self.waiting.index(each),
            ),
        )
        requester = self.requesters[request]
        self.turns[requester[0]] = self.turns[requester] = next(self.time)
        self.waiting.remove(request)
        self.running.add(request)

    def _queued(self) -> int:
        return len(self.queue._waiting)  # noqa: SLF001 - no public method shows it

    @invariant()
    def hashes_run_that_the_model_runs(self) -> None:
        self.hashes.wait_until_running(self.running)

    @invariant()
    def slots_are_those_of_the_model(self) -> None:
        pending = Counter(
            self.requesters[each] for each in [*self.slots, *self.waiting]
        )
        counted = {
            (client, address): number
            for client, own in self.queue._pending.items()  # noqa: SLF001 - no public method shows them
            for address, number in own.items()
        }
        assert counted == pending
        assert self.queue._reserved == pending.total()  # noqa: SLF001 - see above
        assert self.queue._running == len(self.running)  # noqa: SLF001 - see above

    def teardown(self) -> None:
        if not hasattr(self, "queue"):
            return
        for stack, _ in self.slots.values():
            stack.close()
        for request in self.futures:
            self.hashes.end(request, None)
        for future in self.futures.values():
            assert future.result(_SECONDS) == b"hash"
        self.threads.shutdown()
        assert (self.queue._running, self.queue._reserved) == (0, 0)  # noqa: SLF001 - see above
        assert (self.queue._pending, self.queue._busy_since) == ({}, {})  # noqa: SLF001 - see above


TestQueueAndModel = QueueAndModel.TestCase
TestQueueAndModel.settings = settings(
    max_examples=50, stateful_step_count=40, deadline=None
)
