"""Which requests were not served in a period, counted from the stored events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from otp_engine.operations.context import OperatorContext
from otp_engine.operations.recent_traffic import Refusals, refusals_by_rule
from otp_engine.operations.slot_counter import SLOT, SlotCounter, bucket_starts
from otp_engine.store.events.funnel import Key

# A flood of refused requests fills the stream, and the page has other figures to read.
_TIME_LIMIT = 0.3  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedRequests:
    """The refused requests of a period.

    Attributes:
        rules: The refusals of each rule, most frequent first; those of shadow mode
            follow.
        unavailable: The requests that the service could not serve, by reason, most
            frequent first.
        known_countries: The countries of the period without the filters.
        counted_since: See `Series`.
        is_reading: See `Series`.
    """

    rules: Sequence[Refusals]
    unavailable: Mapping[str, int]
    known_countries: Sequence[str]
    counted_since: datetime | None
    is_reading: bool


@dataclass(slots=True)
class RefusalCounter(SlotCounter):
    """Counts refused requests; see `SlotCounter`."""

    def read(
        self,
        period: timedelta,
        buckets: int,
        *,
        country: str | None = None,
        channel: str | None = None,
    ) -> RefusedRequests:
        """Return the counts of a period, which is that of `SeriesCounter.read`.

        Args:
            period: The period, at most `MAX_PERIOD`.
            buckets: The number of buckets of a series of the same period.
            country: ISO 3166 code of the recipients, empty for e-mails; None for all.
            channel: The channel of refused sends; None for all requests.

        Raises:
            StoreUnavailable: Redis did not reply.
        """
        with self.lock:
            now = self.utcnow()
            starts = bucket_starts(now, period, buckets)
            counted = self.count(starts.start, now)
            counts: Counter[Key] = Counter()
            for slot, keys in counted.slots.items():
                if slot * SLOT >= starts.start:
                    counts.update(keys)
        known: Counter[str] = Counter()
        rules: Counter[tuple[str, bool, str]] = Counter()
        unavailable: Counter[str] = Counter()
        for (kind, key_country, key_channel, name), count in counts.items():
            known[key_country] += count
            if country not in {None, key_country} or channel not in {None, key_channel}:
                continue
            if kind == "unavailable":
                unavailable[name] += count
            else:
                rules[name, kind == "shadow", key_country] += count
        return RefusedRequests(
            rules=refusals_by_rule(rules),
            unavailable=dict(unavailable.most_common()),
            known_countries=[name for name, _ in known.most_common()],
            counted_since=counted.counted_since,
            is_reading=counted.is_reading,
        )


def counter(context: OperatorContext) -> RefusalCounter:
    """Return a new counter of the refused requests of a store."""
    events = context.store.events
    return RefusalCounter(
        context.store.refusals,
        lambda: events.starts()[1].is_trimmed,
        context.clock,
        time_limit=_TIME_LIMIT,
    )
