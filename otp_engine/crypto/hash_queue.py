"""A queue for Argon2 that admits a request if its hash is expected to start soon.

A burst waits, and all of it is served. A flood is refused at once:

- A request reserves a slot before it costs anything, and returns it at its end. The
  expected wait is the work ahead of it, times the measured duration of a hash.
- A queue that has not been empty for a while is overloaded. Its wait shrinks to a small
  part, so that the requests that are served are served quickly (B. Maurer, "Fail at
  Scale", ACM Queue 13(8), 2015; K. Nichols and V. Jacobson, "Controlling Queue Delay",
  ACM Queue 10(5), 2012).
- The clients are served in turn, and wait for their own work: a flood of one client
  refuses no request of another one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum, auto
from functools import partial
from threading import Lock
from time import perf_counter
from typing import Protocol

from otp_engine.crypto.argon2 import Argon2Parameters
from otp_engine.crypto.fair_queue import FairQueue, Requester
from otp_engine.errors import Overloaded
from otp_engine.resilience.dependency_metrics import NULL_METRICS, DependencyMetrics

DEFAULT_WAIT = timedelta(seconds=3)
"""The default of the longest expected wait: 100 hashes of the default cost take 1.7 s
on two cores, and the connections are not spread evenly over the workers."""

DEFAULT_WAITING = 96
"""The default of the hashes that may wait. Each holds a thread and little memory."""

# A client with a queue that has not been empty for so many seconds is overloaded.
_OVERLOADED_AFTER = 1.0
# The part of the wait that is left while the queue is overloaded.
_OVERLOADED_PART = 0.1
# So much work ahead is always admitted, or cores would idle between two hashes.
_MIN_AHEAD = 2
# The estimate of the wait can be wrong. No request waits longer than this multiple.
_HARD_LIMIT = 2
# The weight of the newest hash in the moving average: half of it is the last five.
_WEIGHT = 1 / 8
# No requester has more waiting hashes than this multiple of those that still may wait,
# so there is room for others (A. Choudhury and E. Hahne, "Dynamic Queue Length
# Thresholds", IEEE/ACM Transactions on Networking 6(2), 1998).
_PER_CLIENT, _PER_ADDRESS = 8, 4
_RETRY_AFTER = (1.0, 5.0)  # seconds


class Compute(Protocol):
    """Waits for the turn of a slot, and returns its hash."""

    def __call__(
        self,
        secret: bytes,
        salt: bytes,
        parameters: Argon2Parameters,
        *,
        on_turn: Callable[[], object] = ...,
        more: Sequence[bytes] = ...,
    ) -> bytes:
        """Return the hash of *secret*, as `Argon2Parameters.hash`.

        Args:
            secret: The secret.
            salt: The salt.
            parameters: The cost.
            on_turn: Called after the wait; if it raises, nothing is hashed.
            more: Further secrets with the same salt, in the same turn. A request with
                several hashes is refused before the first one or not at all, and
                another request waits longer for its turn.

        Returns:
            The hash of *secret*, then those of *more*, 32 bytes each.

        Raises:
            Overloaded: The wait took much longer than expected; nothing was hashed.
        """


class _State(Enum):
    RESERVED = auto()
    WAITING = auto()
    RUNNING = auto()
    RELEASED = auto()


@dataclass(slots=True, eq=False)
class _Slot:
    requester: Requester = field(repr=False)
    state: _State = _State.RESERVED
    turn: Lock = field(default_factory=Lock)


class HashQueue:
    """Hashes in the threads of the requests, a few at once.

    Without it each request thread would hold the memory of a hash at the same time, and
    cheap requests would wait for expensive ones. Argon2 releases the GIL.
    """

    def __init__(
        self,
        max_running: int,
        *,
        wait: timedelta = DEFAULT_WAIT,
        max_waiting: int = DEFAULT_WAITING,
        metrics: DependencyMetrics = NULL_METRICS,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        """Create the queue.

        Args:
            max_running: Number of hashes that run at once.
            wait: The longest expected wait of a request that is admitted.
            max_waiting: Number of hashes that may wait for their turn. A few more can,
                if their requests arrive in the same moment.
            metrics: Measures how long each hash waited and took.
            clock: Returns monotonic seconds.
        """
        self._max_running = max_running
        self._wait = wait.total_seconds()
        self._max_waiting = max_waiting
        self._metrics = metrics
        self._clock = clock
        self._lock = Lock()
        self._running = 0
        self._duration = 0.0  # of a hash, a moving average
        self._reserved = 0  # slots that do not hash yet
        # The same by client and address. A requester without one has no entry.
        self._pending: dict[str | None, Counter[str | None]] = {}
        self._waiting: FairQueue[_Slot] = FairQueue()
        # Since when each client has had a waiting slot; it has no entry without one.
        self._busy_since: dict[str | None, float] = {}

    @contextmanager
    def acquire_slot(
        self, client: str | None = None, client_ip: str | None = None
    ) -> Iterator[Compute]:
        """Reserve a slot for one hash, before other work is done for it.

        Args:
            client: Name of the API key; None for an anonymous client.
            client_ip: The recipient's network address, where it is known.

        Yields:
            A function that waits for the turn of the slot, and returns one hash.

        Raises:
            Overloaded: The expected wait is too long, or too many hashes wait.
        """
        slot = _Slot((client, client_ip))
        self._reserve(slot)
        try:
            yield partial(self._hash, slot)
        finally:
            if slot.state is not _State.RELEASED:
                self._release(slot)

    def _reserve(self, slot: _Slot) -> None:
        client, address = slot.requester
        with self._lock:
            # Most requests find a free core.
            if self._running + self._reserved >= self._max_running:
                self._admit(slot.requester)
            self._reserved += 1
            self._pending.setdefault(client, Counter())[address] += 1

    def _admit(self, requester: Requester) -> None:
        """Raise `Overloaded` if *requester* gets no slot."""
        client, _ = requester
        now = self._clock()
        busy = now - self._busy_since.get(client, now)
        overloaded = busy >= _OVERLOADED_AFTER
        wait = self._wait * (_OVERLOADED_PART if overloaded else 1)
        expected = self._expected_wait(requester)
        of_client, of_address = self._waiting.count(requester)
        free = self._max_waiting - len(self._waiting)
        if not (
            expected <= wait
            and of_client < _PER_CLIENT * free
            and of_address < _PER_ADDRESS * free
        ):
            shortest, longest = _RETRY_AFTER
            seconds = min(max(expected, busy, shortest), longest)
            self._reject(timedelta(seconds=seconds))

    def _expected_wait(self, requester: Requester) -> float:
        """Return the expected wait of another slot of *requester*, in seconds."""
        client, address = requester
        own = self._pending.get(client, Counter())
        # Before its turn, each other address has as many, and then each other client.
        place = own[address]
        place += sum(min(n, place + 1) for each, n in own.items() if each != address)
        ahead = self._running + place
        ahead += sum(
            min(other.total(), place + 1)
            for each, other in self._pending.items()
            if each != client
        )
        if ahead < _MIN_AHEAD * self._max_running:
            return 0
        return ahead * self._duration / self._max_running

    def _hash(  # noqa: PLR0913 - a slot, and the arguments of `Compute`
        self,
        slot: _Slot,
        secret: bytes,
        salt: bytes,
        parameters: Argon2Parameters,
        *,
        on_turn: Callable[[], object] | None = None,
        more: Sequence[bytes] = (),
    ) -> bytes:
        queued_at = self._clock()
        with self._lock:
            is_free = self._running < self._max_running
            if is_free:
                self._start(slot)
            else:
                slot.turn.acquire()
                slot.state = _State.WAITING
                self._waiting.push(slot.requester, slot)
                self._busy_since.setdefault(slot.requester[0], queued_at)
        if not (is_free or slot.turn.acquire(timeout=_HARD_LIMIT * self._wait)):
            self._reject(timedelta(seconds=_RETRY_AFTER[1]))
        if on_turn:
            on_turn()
        started = self._clock()
        try:
            computed = parameters.hash(secret, salt)
            for each in more:
                computed += parameters.hash(each, salt)
            return computed
        finally:
            took = (self._clock() - started) / (1 + len(more))
            self._release(slot, took)
            for _ in range(1 + len(more)):
                self._metrics.observe_hash(waited=started - queued_at, took=took)

    def _start(self, slot: _Slot) -> None:
        self._running += 1
        slot.state = _State.RUNNING
        self._remove_pending(slot.requester)

    def _release(self, slot: _Slot, took: float | None = None) -> None:
        """Return a slot in any state, and start the hash of the next one.

        Args:
            slot: The slot.
            took: Seconds of one of its hashes; None if it had none.
        """
        with self._lock:
            if slot.state is _State.RUNNING:
                self._running -= 1
                if self._busy_since:
                    self._start_next()
            else:
                self._remove_pending(slot.requester)
                if slot.state is _State.WAITING:
                    self._waiting.remove(slot.requester, slot)
                    self._end_wait(slot.requester)
            slot.state = _State.RELEASED
            if took is not None:
                weight = _WEIGHT if self._duration else 1
                self._duration += (took - self._duration) * weight

    def _start_next(self) -> None:
        slot = self._waiting.pop()
        self._start(slot)
        self._end_wait(slot.requester)
        slot.turn.release()

    def _end_wait(self, requester: Requester) -> None:
        if not self._waiting.has(requester[0]):
            del self._busy_since[requester[0]]

    def _remove_pending(self, requester: Requester) -> None:
        client, address = requester
        own = self._pending[client]
        own[address] -= 1
        if not own[address]:
            del own[address]
        if not own:
            del self._pending[client]
        self._reserved -= 1

    def _reject(self, retry_after: timedelta) -> None:
        self._metrics.count_hash_rejection()
        raise Overloaded(retry_after=retry_after)
