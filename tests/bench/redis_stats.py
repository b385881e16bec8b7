"""Counters of a redis-server."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Self

import redis

_QUIET = 0.4
"""Seconds without a command after which the background work has ended."""

_LARGE = 64 * 1024
"""Bytes from which a key is shared by many phones."""


@dataclass(frozen=True, slots=True)
class Counters:
    """What a redis-server has done since its start.

    Attributes:
        reads: Reads from sockets. A request or a pipeline that fits in one packet is
            one read, and one round trip of its client.
        commands: Commands, those that scripts execute included.
        bytes: Memory in use, without the buffers of connections.
    """

    reads: int
    commands: int
    bytes: int

    def __sub__(self, other: Self) -> Counters:
        return Counters(
            self.reads - other.reads,
            self.commands - other.commands,
            self.bytes - other.bytes,
        )


def parse(info: Mapping[str, Any], own: int) -> Counters:
    """Return the counters of the reply to `INFO all`.

    Args:
        info: The reply.
        own: Number of `INFO` commands of this reader, which do not count.
    """
    calls = sum(
        value["calls"]
        for name, value in info.items()
        if name.startswith("cmdstat_") and name != "cmdstat_info"
    )
    used = info["used_memory"] - info["mem_clients_normal"]
    return Counters(info["total_reads_processed"] - own, calls, used)


class RedisStats:
    """Reads the counters of one server on one connection."""

    def __init__(self, url: str) -> None:
        """Connect to the server at *url*."""
        self.client = redis.Redis.from_url(url, retry=None, protocol=2)
        self.pid: int = self.client.info("server")["process_id"]
        self._own = 1

    def close(self) -> None:
        """Close the connection."""
        self.client.close()

    def read(self) -> Counters:
        """Return the counters of this moment."""
        self._own += 1
        return parse(self.client.info("all"), self._own)

    def settled(self) -> Counters:
        """Return the counters after the background work, such as writing events."""
        before, since = self.read(), time.monotonic()
        while time.monotonic() < since + _QUIET:
            time.sleep(_QUIET / 10)
            after = self.read()
            if after.commands != before.commands:
                before, since = after, time.monotonic()
        return before

    def bytes_of_an_event(self) -> float:
        """Return the memory of all streams, divided by their entries."""
        streams = list(self.client.scan_iter(_type="stream", count=1_000))
        size = sum(self.client.memory_usage(name, samples=0) or 0 for name in streams)
        return size / sum(map(self.client.xlen, streams))

    def sizes(self) -> dict[bytes, int]:
        """Return the memory of each key."""
        names = self.client.scan_iter(count=1_000)
        sizes: dict[bytes, int] = {}
        while batch := list(islice(names, 1_000)):
            with self.client.pipeline(transaction=False) as pipeline:
                for name in batch:
                    pipeline.memory_usage(name, samples=0)
                replies = pipeline.execute()
            sizes.update(zip(batch, replies, strict=True))
        # A key that has expired since the scan has no size.
        return {name: size for name, size in sizes.items() if size}


def growth_of_shared(before: Mapping[bytes, int], after: Mapping[bytes, int]) -> int:
    """Return by how much the keys that many phones share have grown.

    Args:
        before: The memory of each key, earlier.
        after: The memory of each key. A large one is shared.
    """
    return sum(
        size - before.get(name, 0) for name, size in after.items() if size >= _LARGE
    )
