"""What happened in the last minutes, counted from events."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from otp_engine.domain.events import (
    CodeSent,
    MessageDelivered,
    MessageUndelivered,
    RecordedEvent,
    RequestRefused,
    SendRejected,
    VerificationApproved,
)
from otp_engine.operations.series import Funnel
from otp_engine.store.events.codec import INCIDENT_KINDS, kind_of

_BUCKETS = 120
_MAX_INCIDENTS = 100
_COUNTED = {
    CodeSent: "sent",
    SendRejected: "rejected",
    MessageDelivered: "delivered",
    MessageUndelivered: "undelivered",
    VerificationApproved: "approved",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CountryTraffic(Funnel):
    """The counts of one country, or of all.

    Attributes:
        refused: Requests that a rule refused; those of shadow mode are not included.
        spent: Price of the sent messages, in micro-units of the currency.
    """

    refused: int = 0
    spent: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusals:
    """The requests that one rule refused, or would refuse outside shadow mode.

    Attributes:
        limit: Name of the rule.
        shadow: Whether it refused nothing.
        by_country: The number of requests of each country, most frequent first.
    """

    limit: str
    shadow: bool
    by_country: Mapping[str, int]

    @property
    def count(self) -> int:
        """The number of all requests."""
        return sum(self.by_country.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """The counts of a period.

    Attributes:
        countries: The counts of each country, the one with most messages first.
        refusals: The refusals of each rule, the most frequent first.
        incidents: The events of the kinds in `INCIDENT_KINDS`, oldest first.
    """

    countries: Mapping[str, CountryTraffic]
    refusals: Sequence[Refusals]
    incidents: Sequence[RecordedEvent]

    @property
    def total(self) -> CountryTraffic:
        """The sums over all countries."""
        names = CountryTraffic.__dataclass_fields__
        return CountryTraffic(
            **{
                name: sum(getattr(row, name) for row in self.countries.values())
                for name in names
            }
        )


def refusals_by_rule(counts: Counter[tuple[str, bool, str]]) -> list[Refusals]:
    """Return the refusals of each rule, and those of shadow mode after the others.

    Args:
        counts: The number of requests by rule, shadow mode and country.
    """
    by_rule: dict[tuple[str, bool], dict[str, int]] = {}
    for (limit, shadow, country), count in counts.most_common():
        by_rule.setdefault((limit, shadow), {})[country] = count
    refusals = [
        Refusals(limit=limit, shadow=shadow, by_country=by_country)
        for (limit, shadow), by_country in by_rule.items()
    ]
    return sorted(refusals, key=lambda rule: (rule.shadow, -rule.count))


@dataclass(slots=True)
class RecentTraffic:
    """Counts the events of the last *period*.

    Events are counted in parts of a 120th of the period, so that any number of events
    needs a small memory.

    Attributes:
        period: How long an event is counted.
    """

    period: timedelta
    _buckets: dict[int, Counter[tuple[str, str]]] = field(default_factory=dict)
    _refusals: dict[int, Counter[tuple[str, bool, str]]] = field(default_factory=dict)
    _incidents: deque[RecordedEvent] = field(
        default_factory=lambda: deque(maxlen=_MAX_INCIDENTS)
    )

    def add(self, recorded: RecordedEvent) -> None:
        """Count one event."""
        event = recorded.event
        bucket = self._bucket(recorded.occurred_at)
        if kind_of(event) in INCIDENT_KINDS:
            self._incidents.append(recorded)
        elif isinstance(event, RequestRefused):
            country = event.recipient.country
            refusals = self._refusals.setdefault(bucket, Counter())
            refusals[event.limit, event.shadow, country] += 1
        elif name := _COUNTED.get(type(event)):
            country = event.recipient.country  # type: ignore[union-attr] # the counted ones have a recipient
            counts = self._buckets.setdefault(bucket, Counter())
            counts[country, name] += 1
            if isinstance(event, CodeSent):
                counts[country, "spent"] += event.facts.price

    def at(self, now: datetime) -> Traffic:
        """Return the counts of the period that ends at *now*, and drop older events."""
        oldest = self._bucket(now - self.period)
        for buckets in (self._buckets, self._refusals):
            for bucket in [number for number in buckets if number <= oldest]:
                del buckets[bucket]
        while self._incidents and self._incidents[0].occurred_at < now - self.period:
            self._incidents.popleft()
        refusals = self._all_refusals()
        return Traffic(
            countries=self._countries(refusals),
            refusals=refusals,
            incidents=tuple(self._incidents),
        )

    def _bucket(self, time: datetime) -> int:
        return int(time.timestamp() // (self.period.total_seconds() / _BUCKETS))

    def _all_refusals(self) -> list[Refusals]:
        counts: Counter[tuple[str, bool, str]] = Counter()
        for bucket in self._refusals.values():
            counts += bucket
        return refusals_by_rule(counts)

    def _countries(self, refusals: Sequence[Refusals]) -> dict[str, CountryTraffic]:
        rows: dict[str, Counter[str]] = {}
        for bucket in self._buckets.values():
            for (country, name), count in bucket.items():
                rows.setdefault(country, Counter())[name] += count
        for rule in refusals:
            if not rule.shadow:
                for country, count in rule.by_country.items():
                    rows.setdefault(country, Counter())["refused"] += count
        traffic = {country: CountryTraffic(**row) for country, row in rows.items()}
        order = sorted(
            traffic, key=lambda name: (-traffic[name].sent, -traffic[name].refused)
        )
        return {country: traffic[country] for country in order}
