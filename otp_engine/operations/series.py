"""How many messages were sent and delivered, and verifications approved, over time.

The figures are counted from the stored events. A counter of a worker reads each event
once, so that a page that is loaded again costs as much as the events since then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock
from time import monotonic

from otp_engine.operations.context import OperatorContext
from otp_engine.store.events.codec import EntryId
from otp_engine.store.events.funnel import KINDS, FunnelPage, RedisFunnel

MAX_PERIOD = timedelta(days=7)
"""The longest period of a series."""

_SLOT = 60  # seconds; each bucket is a number of slots
# A read in this time, of about 50,000 events, delays the page and not the service.
_TIME_LIMIT = 0.6  # seconds

_Slot = Counter[tuple[str, str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Funnel:
    """The steps of verifications.

    Attributes:
        sent: Messages that a provider accepted, or did not answer for.
        delivered: Messages with a report that they arrived.
        approved: Approved verifications.
    """

    sent: int = 0
    delivered: int = 0
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
    counted_since: datetime | None
    is_reading: bool


@dataclass(slots=True)
class SeriesCounter:
    """Counts the events of the last days, newest first, and then each new one.

    One read takes at most some tenths of a second. If there are more events, the next
    read continues. The counts are in slots of a minute, so they need the memory of a
    hundred thousand events at most, and usually of far fewer.

    Attributes:
        funnel: The stored events.
        is_trimmed: Returns whether the store has removed old events.
        utcnow: Returns the time in UTC.
        clock: Returns monotonic seconds.
    """

    funnel: RedisFunnel
    is_trimmed: Callable[[], bool]
    utcnow: Callable[[], datetime]
    clock: Callable[[], float] = monotonic
    _slots: dict[int, _Slot] = field(default_factory=dict)
    _first: EntryId | None = None
    _last: EntryId | None = None
    _lock: Lock = field(default_factory=Lock)

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
        with self._lock:
            now = self.utcnow()
            length = round(period.total_seconds() / buckets / _SLOT) * _SLOT
            end = (int(now.timestamp()) // length + 1) * length
            start = end - buckets * length
            is_reading = self._count(start * 1000)
            self._drop_slots(now - MAX_PERIOD - timedelta(minutes=1))
            return _series(
                self._slots,
                range(start, end, length),
                lambda key: country in {None, key[1]} and channel in {None, key[2]},
                self._counted_since(start * 1000),
                is_reading=is_reading,
            )

    def _count(self, start: int) -> bool:
        """Count the events that were not read yet, as far as the time allows.

        Args:
            start: The start of the period, in milliseconds since 1970.

        Returns:
            Whether stored events since *start* are left.
        """
        deadline = self.clock() + _TIME_LIMIT
        oldest = self.funnel.oldest()
        if oldest is None or (self._last and oldest > self._last):
            # Redis lost or removed every event that was counted.
            self._slots, self._first, self._last = {}, None, None
        if oldest is None:
            return False
        if self._last is None:
            self._add_older(self.funnel.before(None))
        is_current = False
        while self._last and not is_current and self.clock() < deadline:
            page = self.funnel.after(self._last)
            self._add(page)
            self._last = page.last or self._last
            is_current = not page.is_full
        end = max(oldest, (start, 0))
        while self._first and self._first > end:
            if self.clock() >= deadline:
                return True
            self._add_older(self.funnel.before(self._first))
        return not is_current

    def _counted_since(self, start: int) -> datetime | None:
        """Return the time of the oldest counted event, if earlier ones are missing."""
        if self._first is None or self._first <= (start, 0):
            return None
        # A stream that is not full has lost no event.
        oldest = self.funnel.oldest()
        if oldest and self._first <= oldest and not self.is_trimmed():
            return None
        return datetime.fromtimestamp(self._first[0] / 1000, UTC)

    def _add_older(self, page: FunnelPage) -> None:
        self._add(page)
        self._first = page.first or self._first
        self._last = self._last or page.last

    def _add(self, page: FunnelPage) -> None:
        for milliseconds, kind, country, channel in page.events:
            slot = milliseconds // (_SLOT * 1000)
            counts = self._slots.setdefault(slot, Counter())
            counts[kind, country, channel] += 1

    def _drop_slots(self, before: datetime) -> None:
        first = int(before.timestamp()) // _SLOT
        for slot in [each for each in self._slots if each < first]:
            del self._slots[slot]


def counter(context: OperatorContext) -> SeriesCounter:
    """Return a new counter of the events of a store."""
    events = context.store.events
    return SeriesCounter(
        context.store.funnel, lambda: events.starts()[0].is_trimmed, context.clock
    )


def _series(
    slots: Mapping[int, _Slot],
    starts: range,
    selects: Callable[[tuple[str, str, str]], bool],
    counted_since: datetime | None,
    *,
    is_reading: bool,
) -> Series:
    """Return the counts of the buckets that start at *starts*, in seconds."""
    buckets = [Counter[str]() for _ in starts]
    countries: dict[str, Counter[str]] = {}
    channels: dict[str, Counter[str]] = {}
    known: Counter[str] = Counter()
    for slot, counts in slots.items():
        number = (slot * _SLOT - starts.start) // starts.step
        if not 0 <= number < len(starts):
            continue
        for key, count in counts.items():
            kind, country, channel = key
            known[country] += count
            if selects(key):
                buckets[number][kind] += count
                countries.setdefault(country, Counter())[kind] += count
                channels.setdefault(channel, Counter())[kind] += count
    return Series(
        starts=[datetime.fromtimestamp(start, UTC) for start in starts],
        bucket=timedelta(seconds=starts.step),
        buckets=[_funnel(counts) for counts in buckets],
        total=_funnel(_sum(buckets)),
        countries=_by_messages(countries),
        channels=_by_messages(channels),
        known_countries=[name for name, _ in known.most_common()],
        counted_since=counted_since,
        is_reading=is_reading,
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
