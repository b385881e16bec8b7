"""Show the places of the pumping guard, and what it has refused."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import click

from otp_engine.cli import policy_context
from otp_engine.cli.policy import live_since
from otp_engine.cli.terminal import format_time, printable, table
from otp_engine.domain.events import RequestRefused
from otp_engine.domain.policy.changes import SourcedValue
from otp_engine.domain.policy.reverts import PolicyState
from otp_engine.domain.policy.signed_versions import MAX_VERSIONS
from otp_engine.domain.pumping_guard.listing import ListedPlace
from otp_engine.domain.pumping_guard.places import Level
from otp_engine.operations.context import OperatorContext
from otp_engine.store.events.event_filter import EventFilter
from otp_engine.store.events.event_store import RETENTION

_RULE = "pumping_guard"
_EXEMPT = "guard_exempt"


@dataclass(frozen=True, slots=True)
class _Guard:
    """What the guard has counted and done.

    Attributes:
        since: When the mode was set; None if the environment has it.
        counted_from: Time of the first event that was counted.
        refused: Refused sends by country.
        would_refuse: Sends by country that it would have refused in shadow mode.
        places: The places, the worst first.
        values: The values `guard` and `guard_exempt`, with their sources and ends.
    """

    since: datetime | None
    counted_from: datetime
    refused: Counter[str]
    would_refuse: Counter[str]
    places: Sequence[ListedPlace]
    values: Mapping[str, SourcedValue]


def show(limit: int, countries: Sequence[str], *, as_json: bool) -> None:
    """Print the places of the guard, and what it refused.

    Args:
        limit: The number of places.
        countries: Only the places of these countries; empty for all.
        as_json: Whether to print JSON.
    """
    guard = _read(policy_context.load(), frozenset(countries))
    if as_json:
        click.echo(json.dumps(_to_dict(guard, limit), indent=2))
        return
    for line in _lines(guard, limit):
        click.echo(printable(line))


def _read(context: OperatorContext, countries: frozenset[str]) -> _Guard:
    live = context.versions.live_state()
    since, now = _mode_since(context, live), context.versions.now()
    start = max(since or now - RETENTION, now - RETENTION)
    refused, would_refuse = _count_refusals(context, start, countries)
    places = [
        place
        for place in context.store.guard.list_places()
        if not countries or place.country in countries
    ]
    return _Guard(
        since=since,
        counted_from=start,
        refused=refused,
        would_refuse=would_refuse,
        places=sorted(places, key=_badness),
        values={name: context.base.value(name, live) for name in ("guard", _EXEMPT)},
    )


def _badness(listed: ListedPlace) -> tuple[bool, float, int, str]:
    """Return the sort key of a place: the suspended ones, then the most unproven."""
    unproven = round(listed.place.unproven, 1)
    level = list(Level).index(listed.level)
    return not listed.place.is_suspended, -unproven, level, listed.prefix


def _mode_since(context: OperatorContext, live: PolicyState) -> datetime | None:
    text = live.values.get("guard")
    versions = context.versions.history(MAX_VERSIONS)
    if text is None or not versions:
        return None
    return live_since("guard", text, versions).created_at


def _count_refusals(
    context: OperatorContext, start: datetime, countries: frozenset[str]
) -> tuple[Counter[str], Counter[str]]:
    """Count the stored refusals of the guard by country: enforced, and in shadow."""
    tail = context.store.events.tail(
        start, event_filter=EventFilter(kinds={"refused"}, limits={_RULE})
    )
    refused: Counter[str] = Counter()
    would_refuse: Counter[str] = Counter()
    while recorded := tail.read_next():
        for event in (entry.event for entry in recorded):
            if isinstance(event, RequestRefused):
                country = event.recipient.country
                if not countries or country in countries:
                    counter = would_refuse if event.shadow else refused
                    counter[country] += 1
    return refused, would_refuse


def _lines(guard: _Guard, limit: int) -> list[str]:
    shown = guard.places[:limit]
    rows = [_row(place) for place in shown]
    header = ("PLACE", "LEVEL", "COUNTRY", "UNPROVEN", "APPROVED", "TRIPS", "UNTIL")
    hidden = len(guard.places) - len(shown)
    return [
        *_mode_lines(guard),
        f"{_EXEMPT} is {guard.values[_EXEMPT]}.",
        f"{_totals_text(guard.places)}.",
        *(["", *table(header, rows)] if rows else []),
        *([f"({hidden} more, see -n)"] if hidden else []),
    ]


def _mode_lines(guard: _Guard) -> list[str]:
    since = f" since {format_time(guard.since)}" if guard.since else ""
    counted_from = format_time(guard.counted_from)
    lines = [f"guard is {guard.values['guard']}{since}."]
    for counts, verb in (
        (guard.would_refuse, "In shadow mode it would have refused"),
        (guard.refused, "It refused"),
    ):
        if counts:
            by_country = ", ".join(
                f"{country} {count}" for country, count in counts.most_common()
            )
            lines.append(
                f"{verb} {_sends(counts.total())} since {counted_from}: {by_country}."
            )
    if len(lines) == 1:
        lines.append(
            f"It has refused no send since {counted_from}, and none in shadow mode."
        )
    return lines


def _sends(count: int) -> str:
    return "1 send" if count == 1 else f"{count} sends"


def _totals_text(places: Sequence[ListedPlace]) -> str:
    totals = _totals(places)
    suspended = totals["suspended"]
    if not any(suspended.values()):
        return f"{totals['places']} places, and none of them is suspended"
    by_level = ", ".join(
        f"{level} {count}" for level, count in suspended.items() if count
    )
    return f"{totals['places']} places, of which are suspended: {by_level}"


def _totals(places: Sequence[ListedPlace]) -> dict[str, Any]:
    suspended = Counter(place.level for place in places if place.place.is_suspended)
    return {
        "places": len(places),
        "suspended": {str(level): suspended[level] for level in Level},
    }


def _row(place: ListedPlace) -> tuple[str, ...]:
    suspension = place.suspension
    return (
        place.prefix,
        place.level,
        place.country,
        f"{place.place.unproven:>{len('UNPROVEN')}.1f}",
        f"{place.place.approvals:>{len('APPROVED')}.1f}",
        f"{place.place.trips:>{len('TRIPS')}}",
        format_time(suspension.until) if suspension else "",
    )


def _to_dict(guard: _Guard, limit: int) -> dict[str, Any]:
    return {
        "guard": guard.values["guard"].text,
        "since": guard.since and guard.since.isoformat(),
        "counted_from": guard.counted_from.isoformat(),
        "refused": dict(guard.refused),
        "would_refuse": dict(guard.would_refuse),
        "guard_exempt": guard.values[_EXEMPT].text,
        "totals": _totals(guard.places),
        "places": [_place_to_dict(place) for place in guard.places[:limit]],
    }


def _place_to_dict(place: ListedPlace) -> dict[str, Any]:
    suspension = place.suspension
    return {
        "place": place.prefix,
        "level": place.level,
        "country": place.country,
        "unproven": round(place.place.unproven, 2),
        "approved": round(place.place.approvals, 2),
        "until": suspension and suspension.until.isoformat(),
        "trips": place.place.trips,
    }
