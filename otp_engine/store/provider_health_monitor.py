"""Counts messages by provider in the background, and keeps the weights of a worker."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.util import Finalize
from random import SystemRandom
from threading import Event, Lock, Thread
from time import monotonic

from otp_engine.domain.events import EventListener, ignore_event
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.routing import health, preference
from otp_engine.domain.routing.health import REST, Counts
from otp_engine.domain.routing.steps import Step
from otp_engine.errors import OTPError
from otp_engine.store.provider_health import (
    CountedMessages,
    RedisProviderHealth,
    weight_event,
)

log = logging.getLogger(__name__)

_INTERVAL = 10.0  # seconds between two round trips of a worker
_FLUSH_TIMEOUT = 1.0  # seconds

_random = SystemRandom()


def _random_percent() -> float:
    return _random.uniform(0, 100)


@dataclass(frozen=True, slots=True)
class _Second:
    """The step of a message, and the second in which it was accepted."""

    step: Step
    second: int


class ProviderHealthMonitor:
    """Counts what happens to messages, and orders the steps of new ones.

    Neither needs a round trip: a background thread writes the counts and reads the
    weights every ten seconds, while there are messages. The worker that changes a
    weight emits the event.

    Attributes:
        slow_after: The time after which a message is late, by the live policy.
    """

    def __init__(  # noqa: PLR0913 - two dependencies, and options with defaults
        self,
        store: RedisProviderHealth,
        steps: Sequence[Step],
        *,
        emit: EventListener = ignore_event,
        clock: Callable[[], float] = monotonic,
        random_percent: Callable[[], float] = _random_percent,
        interval: float | None = _INTERVAL,
    ) -> None:
        """Create the monitor, without a thread.

        Args:
            store: Stores the counts and the weights.
            steps: Every channel with every provider of the settings.
            emit: Receives an event for each weight that this worker changes.
            clock: Returns monotonic seconds.
            random_percent: Returns a random number from 0 to below 100.
            interval: Seconds between two round trips of the thread; None for no thread.
        """
        self.slow_after = Policy().slow_after
        self._store = store
        self._steps = tuple(steps)
        self._emit = emit
        self._clock = clock
        self._random_percent = random_percent
        self._interval = interval
        self._weights: Mapping[Step, int] = {}
        self._lock = Lock()
        self._counts: defaultdict[_Second, Counts] = defaultdict(Counts)
        self._requested = Event()
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="provider health", daemon=True)

    def prefer(self, steps: Sequence[Step]) -> tuple[Step, ...]:
        """Return *steps* in the order of the cached weights."""
        if len(steps) < 2:  # noqa: PLR2004 - one step has no order
            return tuple(steps)
        self._request()
        return preference.prefer(steps, self._weights, self._random_percent)

    def count_accepted(self, step: Step, *, reports_delivery: bool) -> None:
        """Count an accepted message; see `HealthRecorder.count_accepted`."""
        self._count(step, Counts(messages=1, awaited=int(reports_delivery)))

    def count_error(self, step: Step) -> None:
        """Count an error; see `HealthRecorder.count_error`."""
        self._count(step, Counts(errors=1))

    def count_report(self, step: Step, *, delay: timedelta, arrived: bool) -> None:
        """Count the report on a message; see `HealthRecorder.count_report`."""
        if not arrived:
            counts = Counts(failed=1)
        elif delay <= health.threshold(step.channel, self.slow_after):
            counts = Counts(fast=1)
        else:
            counts = Counts(late=1)
        self._count(step, counts, delay)

    def refresh(self) -> None:
        """Write the counts, change the weights that are due, and read all weights.

        Raises:
            StoreUnavailable: Redis did not reply; the counts are lost.
        """
        reading = self._store.add(self._take_counts())
        changes = health.decide(
            [reading.of(step) for step in self._steps], reading.at, self.slow_after
        )
        weights = {step: stored.weight for step, stored in reading.healths.items()}
        for step, new in changes.items():
            old = reading.of(step)
            if self._store.compare_and_set(step, old.weight, new):
                self._emit(weight_event(old, new, reading.at, self.slow_after))
            weights[step] = new
        self._weights = {
            step: weight.value
            for step, weight in weights.items()
            if weight.value != REST
        }

    def _count(self, step: Step, counts: Counts, age: timedelta = timedelta()) -> None:
        second = int(self._clock() - age.total_seconds())
        with self._lock:
            self._counts[_Second(step, second)] += counts
        self._request()

    def _take_counts(self) -> list[CountedMessages]:
        with self._lock:
            taken, self._counts = self._counts, defaultdict(Counts)
        now = self._clock()
        return [
            CountedMessages(
                step=key.step,
                age=timedelta(seconds=max(0.0, now - key.second)),
                counts=counts,
            )
            for key, counts in taken.items()
        ]

    def _request(self) -> None:
        """Request a round trip of the thread."""
        if self._interval is None or self._requested.is_set():
            return
        with self._lock:
            # Started late, because a forked process does not inherit the thread.
            if not self._thread.ident:
                self._thread.start()
                Finalize(None, self.stop, exitpriority=0)
        self._requested.set()

    def _run(self) -> None:
        while True:
            self._requested.wait()
            self._requested.clear()
            # Redis can have stopped before, and has nothing to get.
            if self._stopping.is_set() and not self._counts:
                return
            try:
                self.refresh()
            except OTPError as error:
                log.warning("the health of providers is not stored: %s", error)
            except Exception:
                log.exception("the health of providers is not stored")
            if self._stopping.wait(self._interval) and not self._requested.is_set():
                return

    def stop(self) -> None:
        """Write the last counts, if there are any, and end the thread."""
        self._stopping.set()
        self._requested.set()
        if self._thread.ident:
            self._thread.join(_FLUSH_TIMEOUT)
