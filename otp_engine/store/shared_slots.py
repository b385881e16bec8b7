"""The Cluster slots of shared limits, for more requests than one node can count.

By default all shared limits are in one Cluster slot, and one script counts a request
against all of them. With several slots a limit is in one of two places:

- A limit with a large count is split: each slot has an equal part of the count, and the
  idempotency key of an event decides which part counts it. The parts add up to the
  count, so the limit is never exceeded. One part can refuse while another accepts.
- Any other limit is in one slot, by its name and its identifier, and is exact.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from otp_engine.domain.limits.limits import Limit, LimitHit, WindowUsage

_LEAST_PART = 1_000
"""Least count of a part; the use of smaller ones differs too much."""


@dataclass(frozen=True, slots=True)
class Share:
    """The share of one slot in a limit: all of it, or a part.

    Attributes:
        hit: The hit, with the whole limit.
        part: The hit, with the limit of this slot.
        slot: The slot; None if there is only one.
    """

    hit: LimitHit
    part: LimitHit
    slot: int | None = None

    def estimate(self, usages: Sequence[WindowUsage]) -> list[WindowUsage]:
        """Return the usage of the whole limit, estimated from that of this part."""
        if self.part is self.hit:
            return list(usages)
        return [
            replace(
                usage,
                window=window,
                used=round(usage.used * window.count / usage.window.count),
            )
            for window, usage in zip(self.hit.limit.windows, usages, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class SharedSlots:
    """A number of Cluster slots for shared limits.

    Attributes:
        count: The number of slots.
    """

    count: int = 1

    def shares(self, hit: LimitHit) -> list[Share]:
        """Return every share of a limit."""
        if self.count == 1:
            return [Share(hit, hit)]
        if all(w.count >= self.count * _LEAST_PART for w in hit.limit.windows):
            return [
                Share(hit, replace(hit, limit=_part(hit.limit, slot, self.count)), slot)
                for slot in range(self.count)
            ]
        identity = f"{hit.limit_name}:{hit.identifier}".encode()
        return [Share(hit, hit, zlib.crc32(identity) % self.count)]

    def group(
        self, hits: Sequence[LimitHit], idempotency_key: bytes
    ) -> list[list[Share]]:
        """Return the shares that count an event, in one list for each slot."""
        groups: dict[int | None, list[Share]] = {}
        for hit in hits:
            shares = self.shares(hit)
            share = shares[zlib.crc32(idempotency_key) % len(shares)]
            groups.setdefault(share.slot, []).append(share)
        return list(groups.values())


@lru_cache(maxsize=1024)
def _part(limit: Limit, slot: int, count: int) -> Limit:
    """Return the part of *limit* in one of *count* slots."""
    return Limit(
        tuple(
            replace(window, count=window.count // count + (slot < window.count % count))
            for window in limit.windows
        )
    )
