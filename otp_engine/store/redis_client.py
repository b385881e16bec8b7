"""The client of all stores: one retry, a bulkhead, and a circuit breaker for each node.

A Redis that hangs would hold each request until its timeout, and enough requests would
hold every thread, until even `/healthz` gets no reply. So only some threads can wait
for Redis at once. After one timeout the next commands fail immediately, and one probe
each half second is let through.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from queue import Empty, SimpleQueue
from threading import Lock
from time import perf_counter
from typing import TypeVar, cast

from redis.exceptions import (
    ClusterDownError,
    MovedError,
    RedisError,
)
from redis.exceptions import (
    ConnectionError as RedisConnectionError,
)
from redis.exceptions import TimeoutError as RedisTimeoutError

from otp_engine.errors import StoreUnavailable
from otp_engine.resilience.circuit_breaker import CircuitBreaker
from otp_engine.resilience.dependency_metrics import NULL_METRICS, DependencyMetrics
from otp_engine.store import redis_errors
from otp_engine.store.cluster import Address, ClusterTopology
from otp_engine.store.connection import Client, RedisCommands
from otp_engine.store.node_client import NodeClient
from otp_engine.store.sentinel import refresh_primary

log = logging.getLogger(__name__)

_ONE_TIMEOUT_OPENS = partial(CircuitBreaker, 1, timedelta(milliseconds=500))
# More commands would wait in Redis, which executes one at a time.
_MAX_CONCURRENT = 32
_SLOT_TIMEOUT = 0.1  # seconds
# Half a second, which is the default timeout of a command.
_MAX_WAITS = 5
# Errors that a retry can fix. Each step of the store can be repeated.
_RETRYABLE = (
    *(RedisConnectionError, RedisTimeoutError),
    *(MovedError, ClusterDownError),
)

T = TypeVar("T")


class RedisClient:
    """Executes commands in Redis.

    A breaker opens on timeouts only, because a refused connection fails at once. Each
    node of a Cluster has its own, so that one node that hangs does not block the
    others.
    """

    def __init__(
        self,
        client: Client,
        *,
        retry_client: Client | None = None,
        new_breaker: Callable[[], CircuitBreaker] = _ONE_TIMEOUT_OPENS,
        metrics: DependencyMetrics = NULL_METRICS,
    ) -> None:
        """Execute commands with *client*.

        Args:
            client: Executes the first attempt.
            retry_client: A client of the same Redis with shorter timeouts for the
                second attempt, so that both together end soon. Default: *client*.
            new_breaker: Makes the circuit breaker of a node. By default one timeout
                opens it for half a second.
            metrics: Counts the commands and measures their duration.
        """
        self._client = client
        self._retry_client = retry_client or client
        self._cluster = client if isinstance(client, ClusterTopology) else None
        self._new_breaker = new_breaker
        self._breakers: dict[Address | None, CircuitBreaker] = {}
        self._metrics = metrics
        # A queue costs a fifth of a semaphore, which is not written in C.
        self._slots: SimpleQueue[None] = SimpleQueue()
        for _ in range(_MAX_CONCURRENT):
            self._slots.put(None)
        self._last_reply = 0.0
        self._finding_primary = Lock()

    def execute(self, command: Callable[[RedisCommands], T], key: str) -> T:
        """Execute *command*, and retry once if it or its reply was lost.

        Args:
            command: Takes the client of the node, and returns the reply.
            key: A key of the command; it decides the node of a Cluster.

        Returns:
            What *command* returns.

        Raises:
            StoreUnavailable: Redis did not reply, or replied with an error. Its text
                is not logged, because it can repeat arguments.
        """
        # Without a Cluster there is one node, and one breaker under None.
        owner = self._cluster.owner_of(key) if self._cluster else None
        breaker = self._breakers.get(owner) or self._add_breaker(owner)
        try:
            self._slots.get_nowait()
        except Empty:
            self._wait_for_slot()
        # After the slot: the breaker may have opened while this thread waited.
        if not breaker.try_acquire():
            self._slots.put(None)
            self._metrics.observe_store_call(None, "CircuitOpen")
            raise StoreUnavailable
        started, failure = perf_counter(), None
        try:
            try:
                reply = command(_node_for(self._client, key))
            except RedisError as error:
                if not _is_retryable(error):
                    raise
                reply = self._retry(command, key, error)
        except RedisTimeoutError:
            failure = "NoAnswer"
            breaker.record_failure()
            log.error("redis: no answer")  # noqa: TRY400 - a traceback's last line is the text
            raise StoreUnavailable(redis_errors.NO_ANSWER_IN_TIME) from None
        except RedisError as error:
            failure = type(error).__name__
            breaker.record_success()
            reason = redis_errors.describe(error, _database_of(self._client))
            log.error("redis: %s (%s)", reason, failure)  # noqa: TRY400 - as above
            raise StoreUnavailable(reason) from None
        finally:
            self._slots.put(None)
            ended = perf_counter()
            self._metrics.observe_store_call(ended - started, failure)
        breaker.record_success()
        self._last_reply = ended
        return reply

    def find_primary(self) -> None:
        """Look the primary up in Sentinel, in one thread; other threads return."""
        if self._finding_primary.acquire(blocking=False):
            try:
                for client in (self._client, self._retry_client):
                    refresh_primary(client)
            finally:
                self._finding_primary.release()

    def _wait_for_slot(self) -> None:
        """Acquire a slot as long as other commands still get replies.

        This counts waits and no time: a process that gets no processor time reads no
        replies either, although Redis has sent them. However long that lasts, one wait
        ends.

        Raises:
            StoreUnavailable: There was no free slot and no reply during five waits.
        """
        waits, last_reply = 0, self._last_reply
        while waits < _MAX_WAITS:
            try:
                return self._slots.get(timeout=_SLOT_TIMEOUT)
            except Empty:
                waits = waits + 1 if self._last_reply == last_reply else 0
                last_reply = self._last_reply
        raise StoreUnavailable

    def _add_breaker(self, owner: Address | None) -> CircuitBreaker:
        # Of two threads that add one, both get the first.
        return self._breakers.setdefault(owner, self._new_breaker())

    def _retry(
        self, command: Callable[[RedisCommands], T], key: str, error: RedisError
    ) -> T:
        for client in (self._client, self._retry_client):
            _refresh_topology(client, error)
        return command(_node_for(self._retry_client, key))


def _is_retryable(error: RedisError) -> bool:
    return isinstance(error, _RETRYABLE) or redis_errors.is_read_only(error)


def _database_of(client: Client) -> int | None:
    pool = getattr(client, "connection_pool", None)
    return pool.connection_kwargs.get("db") if pool else None


def _node_for(client: Client, key: str) -> RedisCommands:
    """Return the client of the server that holds *key*.

    Raises:
        redis.RedisError: No node of the Cluster owns the key, or none replied.
    """
    node = client.node_for(key) if isinstance(client, ClusterTopology) else client
    return cast("RedisCommands", node)


def _refresh_topology(client: Client, error: RedisError) -> None:
    if isinstance(client, ClusterTopology):
        # A node that timed out still owns its slots until the others report otherwise.
        client.refresh(wait=not isinstance(error, RedisTimeoutError))
    elif isinstance(client, NodeClient) and redis_errors.is_read_only(error):
        # The server is a replica now; its connections would stay open.
        client.close_idle()
