"""`/console`: what happens now, and the steps of verifications over time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from otp_engine.console.console import Console
from otp_engine.domain.events import RecordedEvent
from otp_engine.domain.limits.limits import WindowUsage
from otp_engine.domain.models import Channel
from otp_engine.operations import refusals, series, slot_counter, traffic
from otp_engine.operations.budget import read_budget
from otp_engine.operations.event_text import EventDescription, describe
from otp_engine.operations.providers import read_health

_MAX_COUNTRIES = _MAX_RULES = 20
_MAX_LIMITS = _MAX_INCIDENTS = 10


@dataclass(frozen=True, slots=True)
class _Period:
    """A period that the page can show.

    Attributes:
        label: What operators read.
        length: Its length.
        buckets: The number of points of the chart.
    """

    label: str
    length: timedelta
    buckets: int


_PERIODS = {
    "1h": _Period("last hour", timedelta(hours=1), 60),
    "6h": _Period("last 6 hours", timedelta(hours=6), 72),
    "24h": _Period("last 24 hours", timedelta(hours=24), 96),
    "7d": _Period("last 7 days", slot_counter.MAX_PERIOD, 84),
}
_DEFAULT_PERIOD = "24h"


def add_to(bp: Blueprint, console: Console) -> None:
    """Add the view to the blueprint of the console."""
    counter = series.counter(console.context)
    refusal_counter = refusals.counter(console.context)

    @bp.get("", strict_slashes=False)
    def overview() -> ResponseReturnValue:
        context = console.context
        # A worker stores its events in the background.
        context.store.events.flush()
        name = request.args.get("period", _DEFAULT_PERIOD)
        period = _PERIODS.get(name) or _PERIODS[name := _DEFAULT_PERIOD]
        country, channel = request.args.get("country"), request.args.get("channel")
        length, buckets = period.length, period.buckets
        chosen = "" if country == "-" else country or None
        wanted = channel or None
        counts = counter.read(length, buckets, country=chosen, channel=wanted)
        refused = refusal_counter.read(length, buckets, country=chosen, channel=wanted)
        known = dict.fromkeys([*counts.known_countries, *refused.known_countries])
        now = traffic.read_state(context, _countries(known))
        used = [usage for usage in now.usage if usage.used]
        return console.render(
            "overview.html",
            period=name,
            periods={key: each.label for key, each in _PERIODS.items()},
            country=country,
            countries=_choices(known, country),
            channel=channel,
            channels=[str(each) for each in Channel],
            counts=counts,
            refused=refused,
            max_rules=_MAX_RULES,
            incidents=_incidents(counts.incidents[:_MAX_INCIDENTS]),
            at=context.clock(),
            max_countries=_MAX_COUNTRIES,
            now=now,
            limits=list(_fullest(used))[:_MAX_LIMITS],
            hidden_limits=max(0, len(used) - _MAX_LIMITS),
            unused_limits=len(now.usage) - len(used),
            budget=read_budget(context),
            health=read_health(context).steps,
        )


def _incidents(
    incidents: Iterable[RecordedEvent],
) -> list[tuple[datetime, EventDescription]]:
    return [(each.occurred_at, describe(each.event)) for each in incidents]


def _countries(known: Iterable[str]) -> list[str]:
    """Return the countries with the most requests; e-mails have none."""
    return list(filter(None, known))[:_MAX_COUNTRIES]


def _choices(known: Iterable[str], chosen: str | None) -> list[str]:
    """Return the countries of the filter, also one without messages."""
    names = {name or "-" for name in known} | ({chosen} if chosen else set())
    return sorted(names)


def _fullest(usages: Sequence[WindowUsage]) -> Iterator[tuple[WindowUsage, int]]:
    """Yield the usage of each window and its percentage, the fullest one first."""
    shares = [(each, each.used * 100 // each.window.count) for each in usages]
    yield from sorted(shares, key=lambda row: -row[1])
