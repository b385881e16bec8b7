"""How many messages were sent and delivered, and verifications approved, over time.

The figures are counted from the stored events; see `slot_counter`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from otp_engine.domain.events import RecordedEvent
from otp_engine.operations.context import OperatorContext
from otp_engine.operations.slot_counter import (
    SLOT,
    Counted,
    SlotCounter,
    bucket_starts,
)
from otp_engine.store.events.funnel import KINDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Funnel:
    """The steps of verifications.

    Attributes:
        sent: Messages that a provider accepted, or did not answer for.
        rejected: Messages that a provider rejected.
        delivered: Messages with a report that they arrived.
        undelivered: Messages with a report that they will not arrive.
        approved: Approved verifications.
    """

    sent: int = 0
    rejected: int = 0
    delivered: int = 0
    undelivered: int = 0
    approved: int = 0

    @property
    def conversion(self) -> float | None:
        """Approved verifications, divided by messages; None without a message."""
        return self.approved / self.sent if self.sent else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The counts of a period, in buckets of equal length.

    Attributes:
        starts: The start of each bucket, oldest first.
        bucket: The length of a bucket.
        buckets: The counts of each bucket.
        total: The counts of the period.
        countries: The counts by country, most messages first; empty for e-mails.
        channels: The counts by channel, most messages first.
        known_countries: The countries of the period without the filters, most events
            first; empty for e-mails.
        incidents: The newest incidents of the period, newest first, without the
            filters.
        counted_since: The time of the oldest event that is counted, where earlier ones
            are missing; None if no earlier one of the period is.
        is_reading: Whether the next read counts more events.
    """

    starts: Sequence[datetime]
    bucket: timedelta
    buckets: Sequence[Funnel]
    total: Funnel
    countries: Mapping[str, Funnel]
    channels: Mapping[str, Funnel]
    known_countries: Sequence[str]
    incidents: Sequence[RecordedEvent]
    counted_since: datetime | None
    is_reading: bool


@dataclass(slots=True)
class SeriesCounter(SlotCounter):
    """Counts the steps of verifications; see `SlotCounter`."""

    def read(
        self,
        period: timedelta,
        buckets: int,
        *,
        country: str | None = None,
        channel: str | None = None,
    ) -> Series:
        """Return the counts of a period that ends now.

        Args:
            period: The period, at most `MAX_PERIOD`.
            buckets: The number of buckets, each a number of minutes.
            country: ISO 3166 code of the recipients, empty for e-mails; None for all.
            channel: The channel of the messages; None for all.

        Raises:
            StoreUnavailable: Redis did not reply.
        """
        with self.lock:
            now = self.utcnow()
            starts = bucket_starts(now, period, buckets)
            return _series(self.count(starts.start, now), starts, country, channel)


def counter(context: OperatorContext) -> SeriesCounter:
    """Return a new counter of the events of a store."""
    events = context.store.events
    return SeriesCounter(
        context.store.funnel, lambda: events.starts()[0].is_trimmed, context.clock
    )


def _series(
    counted: Counted, starts: range, country: str | None, channel: str | None
) -> Series:
    """Return the counts of the buckets that start at *starts*, in seconds."""
    buckets = [Counter[str]() for _ in starts]
    countries: dict[str, Counter[str]] = {}
    channels: dict[str, Counter[str]] = {}
    known: Counter[str] = Counter()
    for slot, counts in counted.slots.items():
        number = (slot * SLOT - starts.start) // starts.step
        if not 0 <= number < len(starts):
            continue
        for (kind, key_country, key_channel), count in counts.items():
            known[key_country] += count
            if country in {None, key_country} and channel in {None, key_channel}:
                buckets[number][kind] += count
                countries.setdefault(key_country, Counter())[kind] += count
                channels.setdefault(key_channel, Counter())[kind] += count
    start = datetime.fromtimestamp(starts.start, UTC)
    return Series(
        starts=[datetime.fromtimestamp(each, UTC) for each in starts],
        bucket=timedelta(seconds=starts.step),
        buckets=[_funnel(counts) for counts in buckets],
        total=_funnel(_sum(buckets)),
        countries=_by_messages(countries),
        channels=_by_messages(channels),
        known_countries=[name for name, _ in known.most_common()],
        incidents=[e for e in reversed(counted.incidents) if e.occurred_at >= start],
        counted_since=counted.counted_since,
        is_reading=counted.is_reading,
    )


def _sum(counters: Iterable[Counter[str]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for each in counters:
        total.update(each)
    return total


def _by_messages(rows: Mapping[str, Counter[str]]) -> dict[str, Funnel]:
    funnels = {name: _funnel(counts) for name, counts in rows.items()}
    order = sorted(funnels, key=lambda name: (-funnels[name].sent, name))
    return {name: funnels[name] for name in order}


def _funnel(counts: Counter[str]) -> Funnel:
    return Funnel(**{kind: counts[kind] for kind in KINDS})
