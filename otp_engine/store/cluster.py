"""A Redis Cluster: who has which key, and a client for each of its nodes.

redis-py's own client reads the map of a Cluster again within each request that failed,
one request after the other and one node after the other: of a Cluster that hangs,
requests were seen to wait for a minute. Here the map is read by nobody's request.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from threading import Event, Lock, Thread
from typing import Any

import redis
from redis.crc import key_slot
from redis.exceptions import ConnectionError as ConnectionFailed
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as Silence

Address = tuple[str, int]
_Range = tuple[int, int, Address]


class Cluster:
    """The map of a Cluster, read once somebody needs it and whenever it was wrong."""

    def __init__(
        self, hosts: Sequence[Address], options: Mapping[str, Any], *, patience: float
    ) -> None:
        """Know where to begin; nothing is asked yet.

        Args:
            hosts: Nodes to ask for the map, besides those that are on it.
            options: What each node's client is made with.
            patience: Seconds that a request waits for the map.
        """
        self._hosts = hosts
        self._options = options
        self._patience = patience
        self._nodes: dict[Address, redis.Redis] = {}
        self._lock = Lock()
        self._has_read = Event()
        self._has_read.set()
        # Last slot, first slot, owner; in order, and replaced as a whole.
        self._map: Sequence[_Range] = ()
        self._trouble: RedisError = ConnectionFailed()

    def owner(self, key: str) -> Address | None:
        """Who has *key*, as far as is known."""
        slot, ranges = key_slot(key.encode()), self._map
        at = bisect_left(ranges, slot, key=itemgetter(0))
        if at == len(ranges) or slot < ranges[at][1]:
            return None
        return ranges[at][2]

    def node(self, key: str) -> redis.Redis:
        """Reach the one that has *key*.

        Raises:
            redis.TimeoutError: No node has said in time who that is.
            redis.RedisError: None could be asked, or none has it.
        """
        if not (owner := self.owner(key)):
            in_time = self.look_around()
            if not (owner := self.owner(key)):
                raise (self._trouble if in_time else Silence())
        return self._at(owner)

    def look_around(self, *, wait: bool = True) -> bool:
        """Have the map read anew, and say whether that was done in time."""
        with self._lock:
            if self._has_read.is_set():
                self._has_read.clear()
                Thread(target=self._read, daemon=True).start()
        return self._has_read.wait(self._patience if wait else 0)

    def _read(self) -> None:
        trouble: RedisError = ConnectionFailed()
        try:
            known = {*self._hosts, *(owner for _, _, owner in self._map)}
            # In any order, for one that was cut off from the others is no good guide.
            for address in random.sample(sorted(known), len(known)):
                try:
                    said = self._at(address).execute_command("CLUSTER", "SLOTS")
                except RedisError as error:
                    # Of all troubles silence is the one to be told of.
                    trouble = trouble if isinstance(trouble, Silence) else error
                    continue
                self._map = sorted(_ranges(said, address))
                trouble = ConnectionFailed()
                return
        finally:
            self._trouble = trouble
            self._has_read.set()

    def _at(self, address: Address) -> redis.Redis:
        with self._lock:
            if address not in self._nodes:
                host, port = address
                self._nodes[address] = redis.Redis(host, port, **self._options)
            return self._nodes[address]


def _ranges(said: Any, asked: Address) -> Iterator[_Range]:  # noqa: ANN401 - what Redis said
    for first, last, (host, port, *_), *_ in said:
        # Without a name it is at the one that was asked.
        yield last, first, (host.decode() if host else asked[0], port)
