"""A Redis Cluster: the slot map, and a client for each node.

redis-py's `RedisCluster` refreshes its slot map inside each request that failed, one
request after the other and one node after the other. While a node hangs, each request
waits for all those timeouts: https://github.com/redis/redis-py/issues/4074, and
https://github.com/redis/redis-py/pull/4083 with a fix of this design. Here a background
thread refreshes the map. This module can be deleted once redis-py does the same.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from threading import Event, Lock, Thread
from typing import Any

import redis
from redis.crc import key_slot
from redis.exceptions import ClusterDownError, RedisError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

Address = tuple[str, int]
_Range = tuple[int, int, Address]


class ClusterTopology:
    """The slot map of a Cluster, read on first use and after each error of it."""

    def __init__(
        self,
        hosts: Sequence[Address],
        new_client: Callable[[str, int], redis.Redis],
        *,
        timeout: float,
    ) -> None:
        """Store the addresses; this sends no command.

        Args:
            hosts: Nodes that return the map, besides those that are in it.
            new_client: Makes the client of a node from its host and port.
            timeout: Seconds that a request waits for the map.
        """
        self._hosts = hosts
        self._new_client = new_client
        self._timeout = timeout
        self._nodes: dict[Address, redis.Redis] = {}
        self._lock = Lock()
        self._refreshed = Event()
        self._refreshed.set()
        # Last slot, first slot, owner; sorted, and replaced as a whole.
        self._map: Sequence[_Range] = ()
        self._last_error: RedisError = RedisConnectionError()

    def owner_of(self, key: str) -> Address | None:
        """Return the node that owns *key*; None if the map does not contain it."""
        slot, ranges = key_slot(key.encode()), self._map
        index = bisect_left(ranges, slot, key=itemgetter(0))
        if index == len(ranges) or slot < ranges[index][1]:
            return None
        return ranges[index][2]

    def node_for(self, key: str) -> redis.Redis:
        """Return the client of the node that owns *key*.

        Raises:
            redis.TimeoutError: No node returned the map within the timeout.
            redis.RedisError: No node could be reached, or none owns the key.
        """
        if not (owner := self.owner_of(key)):
            in_time = self.refresh()
            if not (owner := self.owner_of(key)):
                raise (self._last_error if in_time else RedisTimeoutError())
        return self._client_of(owner)

    def refresh(self, *, wait: bool = True) -> bool:
        """Read the map again in the background.

        Args:
            wait: Whether to wait for it, for the timeout at most.

        Returns:
            Whether the refresh has ended.
        """
        with self._lock:
            if self._refreshed.is_set():
                self._refreshed.clear()
                Thread(target=self._read, daemon=True).start()
        return self._refreshed.wait(self._timeout if wait else 0)

    def _read(self) -> None:
        last_error: RedisError = RedisConnectionError()
        try:
            known = {*self._hosts, *(owner for _, _, owner in self._map)}
            # In random order: a node that is cut off from the others has an old map.
            for address in random.sample(sorted(known), len(known)):
                try:
                    reply = self._client_of(address).execute_command("CLUSTER", "SLOTS")
                except RedisError as error:
                    # A timeout takes precedence: the breaker opens on timeouts only.
                    if not isinstance(last_error, RedisTimeoutError):
                        last_error = error
                    continue
                self._map = sorted(_ranges(reply, address))
                last_error = ClusterDownError("no node serves the slot")
                return
        finally:
            self._last_error = last_error
            self._refreshed.set()

    def _client_of(self, address: Address) -> redis.Redis:
        with self._lock:
            if address not in self._nodes:
                self._nodes[address] = self._new_client(*address)
            return self._nodes[address]


def _ranges(reply: Any, source: Address) -> Iterator[_Range]:  # noqa: ANN401 - the reply of CLUSTER SLOTS
    for first, last, (host, port, *_), *_ in reply:
        # A node without a host name has that of the node that replied.
        yield last, first, (host.decode() if host else source[0], port)
