"""The hits of shared limits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import islice
from typing import Any

from otp_engine.domain.limits.limits import LimitHit, WindowUsage
from otp_engine.errors import RateLimited
from otp_engine.store import keys, lua_codec
from otp_engine.store.lua_scripts import LuaScript
from otp_engine.store.redis_client import RedisClient
from otp_engine.store.shared_slots import Share, SharedSlots

_LARGEST_LOG = 10_000
"""Largest count of a limit without a packed log. Its log takes about 1 MiB."""

_BLOCK_SIZE = 250
"""Number of hits in a block of a packed log, which takes about 1 KiB."""


class RedisLimitHits:
    """Counts events against shared limits."""

    def __init__(
        self,
        client: RedisClient,
        *,
        replicas: int = 0,
        shared_slots: int = 1,
        largest_log: int = _LARGEST_LOG,
        block_size: int = _BLOCK_SIZE,
    ) -> None:
        """Count the hits in Redis.

        Args:
            client: Executes the commands.
            replicas: Number of replicas that must acknowledge a hit.
            shared_slots: Number of Cluster slots of the limits; see `shared_slots`.
            largest_log: Largest count of a limit that has a log only; see
                `lua/lib/packed_log.lua`.
            block_size: Number of hits in a block of a packed log.
        """
        self._acquire_hits = LuaScript(client, "acquire_hits", replicas=replicas)
        self._release_hits = LuaScript(client, "release_hits")
        self._slots = SharedSlots(shared_slots)
        self._largest_log = largest_log
        self._block_size = block_size

    def acquire_hits(
        self,
        hits: Sequence[LimitHit],
        *,
        idempotency_key: bytes,
        slot: int | None = None,
    ) -> list[WindowUsage]:
        """Count one event against all of the shared limits, or against none.

        Args:
            hits: The hits.
            idempotency_key: Identifies the event, 8 bytes.
            slot: The slot of all limits; by default each is in its own.

        Returns:
            The usage of each window.

        Raises:
            RateLimited: A limit refused; no limit has counted the event.
            StoreUnavailable: Redis did not reply.
        """
        if not hits:
            return []
        if slot is None and self._slots.count > 1:
            return self._acquire_in_slots(hits, idempotency_key)
        logs = [keys.shared_limit(hit, slot) for hit in hits]
        reply = self._acquire_hits.run(
            [*logs, *[log + keys.PACKED for log in logs]],
            idempotency_key,
            self._largest_log,
            self._block_size,
            *(lua_codec.encode_shared_limit(hit.limit) for hit in hits),
        )
        match reply:
            case [b"acquired", at, *usages]:
                return [
                    usage
                    for hit, (over, *windows) in zip(hits, usages, strict=True)
                    for usage in lua_codec.decode_usage(hit, over, windows, at)
                ]
            case [b"refused", at, position, wait]:
                hit = hits[position - 1]
                raise RateLimited(
                    hit.limit_name,
                    retry_after=timedelta(milliseconds=wait),
                    identifier=hit.identifier,
                    refused_at=at,
                )
            case _:
                raise AssertionError(reply)

    def release_hits(self, hits: Sequence[LimitHit], *, idempotency_key: bytes) -> None:
        """Release the hits that `acquire_hits` counted."""
        self._release_shares(self._slots.group(hits, idempotency_key), idempotency_key)

    def _acquire_in_slots(
        self, hits: Sequence[LimitHit], idempotency_key: bytes
    ) -> list[WindowUsage]:
        """Count one event in one slot after another.

        If a slot refuses, the hits in the earlier ones are released, which have counted
        the event for a moment.
        """
        usages: list[WindowUsage] = []
        acquired: list[list[Share]] = []
        try:
            for shares in self._slots.group(hits, idempotency_key):
                parts = [share.part for share in shares]
                found = iter(
                    self.acquire_hits(
                        parts, idempotency_key=idempotency_key, slot=shares[0].slot
                    )
                )
                acquired.append(shares)
                for share in shares:
                    windows = len(share.part.limit.windows)
                    usages += share.estimate(list(islice(found, windows)))
        except RateLimited:
            self._release_shares(acquired, idempotency_key)
            raise
        return usages

    def _release_shares(
        self, groups: Sequence[Sequence[Share]], idempotency_key: bytes
    ) -> None:
        for shares in groups:
            logs = [keys.shared_limit(share.part, share.slot) for share in shares]
            self._release_hits.run(logs, idempotency_key)


def encode_hits(hits: Sequence[LimitHit]) -> list[str]:
    """Return the limits of *hits* as arguments of a script."""
    return [lua_codec.encode_shared_limit(hit.limit) for hit in hits]


def decode_usages(
    hits: Sequence[LimitHit], usages: Sequence[Any], at: int
) -> list[WindowUsage]:
    """Return the usage of each window, from the reply of a script.

    Args:
        hits: The hits.
        usages: The part of the reply for each of them.
        at: When the event was counted, in milliseconds since 1970.
    """
    return [
        usage
        for hit, (over, *windows) in zip(hits, usages, strict=True)
        for usage in lua_codec.decode_usage(hit, over, windows, at)
    ]


def refused_by(hit: LimitHit, at: int, wait: int) -> RateLimited:
    """Return the error of an event that a limit refused.

    Args:
        hit: The limit.
        at: When, in milliseconds since 1970.
        wait: Milliseconds until the limit accepts one more event.
    """
    return RateLimited(
        hit.limit_name,
        retry_after=timedelta(milliseconds=wait),
        identifier=hit.identifier,
        refused_at=at,
    )
