"""The way to Redis: asked twice at most, and by few at a time when it is slow.

A Redis that hangs would hold every request for as long as it may take, and with enough
of them every thread, until not even `/healthz` is answered. So only some threads may
wait for it at once, and once a question has stayed unanswered the next are refused
without being asked, but for a single one each half second.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from threading import BoundedSemaphore, Lock
from time import monotonic, perf_counter
from typing import TypeVar

from redis.exceptions import (
    ClusterDownError,
    MovedError,
    ReadOnlyError,
    RedisError,
)
from redis.exceptions import (
    ConnectionError as ConnectionFailed,
)
from redis.exceptions import TimeoutError as Silence

from otp_engine.errors import StoreUnavailable
from otp_engine.resilience.circuit_breaker import CircuitBreaker
from otp_engine.resilience.metrics import NULL_METRICS, Metrics
from otp_engine.store.cluster import Address
from otp_engine.store.connection import Client, look_around, node_of, owner_of
from otp_engine.store.primary import find_primary

log = logging.getLogger(__name__)

_AFTER_ONE_SILENCE = partial(CircuitBreaker, 1, timedelta(milliseconds=500))
# Half of the threads of a worker.
_PLACES = 32
_PLACE_SECONDS = 0.1
# What a second question may mend. Each step of the store can be asked for twice.
_WORTH_ASKING_AGAIN = (
    *(ConnectionFailed, Silence),
    *(ReadOnlyError, MovedError, ClusterDownError),
)

T = TypeVar("T")


class Line:
    """The line to Redis; a refused connection is an answer, and no silence.

    One silent node of a Cluster keeps nobody from the others.
    """

    def __init__(
        self,
        client: Client,
        *,
        again: Client | None = None,
        circuit: Callable[[], CircuitBreaker] = _AFTER_ONE_SILENCE,
        meter: Metrics = NULL_METRICS,
    ) -> None:
        """Ask Redis.

        Args:
            client: Whom to ask.
            again: The same Redis for the second question, with less patience, so that
                both together end soon.
            circuit: Makes what says when to stop asking, one for each node; after
                one silence, if not said.
            meter: Is told how long each question took.
        """
        self._client = client
        self._again = again or client
        self._new_circuit = circuit
        self._circuits: dict[Address | None, CircuitBreaker] = {}
        self._meter = meter
        self._places = BoundedSemaphore(_PLACES)
        self._answered = monotonic()
        self._finding_primary = Lock()

    def ask(self, question: Callable[[Client], T], key: str) -> T:
        """Put *question* about *key*, and again if it or its answer was lost.

        Raises:
            StoreUnavailable: There was no answer, or it was a refusal. Of a refusal
                only the kind is logged: its text can repeat what was asked.
        """
        circuit = self._circuit_of(key)
        self._wait_for_a_place()
        # Behind the place, for much may have been learnt while waiting for one.
        if not circuit.try_acquire():
            self._places.release()
            self._meter.observe_store_call(None, "CircuitOpen")
            raise StoreUnavailable
        began, failed = perf_counter(), None
        try:
            answer = self._ask_twice(question, key)
        except Silence:
            failed = "NoAnswer"
            circuit.record_failure()
            log.error("redis: no answer")  # noqa: TRY400 - a traceback's last line is the text
            raise StoreUnavailable from None
        except RedisError as error:
            failed = type(error).__name__
            circuit.record_success()
            log.error("redis: %s", failed)  # noqa: TRY400 - as above
            raise StoreUnavailable from None
        finally:
            self._places.release()
            self._meter.observe_store_call(perf_counter() - began, failed)
        circuit.record_success()
        self._answered = monotonic()
        return answer

    def find_primary(self) -> None:
        """Ask Sentinel for the primary, one thread at a time; the others return."""
        if self._finding_primary.acquire(blocking=False):
            try:
                for client in (self._client, self._again):
                    find_primary(client)
            finally:
                self._finding_primary.release()

    def _wait_for_a_place(self) -> None:
        """Wait as long as others are being answered: then it is only crowded."""
        while not self._places.acquire(timeout=_PLACE_SECONDS):
            if monotonic() - self._answered > _PLACE_SECONDS:
                raise StoreUnavailable

    def _circuit_of(self, key: str) -> CircuitBreaker:
        owner = owner_of(self._client, key)
        if owner not in self._circuits:
            self._circuits.setdefault(owner, self._new_circuit())
        return self._circuits[owner]

    def _ask_twice(self, question: Callable[[Client], T], key: str) -> T:
        try:
            return question(node_of(self._client, key))
        except _WORTH_ASKING_AGAIN as error:
            for client in (self._client, self._again):
                look_around(client, error)
            return question(node_of(self._again, key))
