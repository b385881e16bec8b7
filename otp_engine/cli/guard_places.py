"""Show the places of the pumping guard, and what it has refused."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click

from otp_engine.cli import policy_context
from otp_engine.cli.terminal import printable, table
from otp_engine.domain.pumping_guard.listing import ListedPlace
from otp_engine.operations.guard import GuardReport, read_guard
from otp_engine.operations.times import format_time


def show(limit: int, countries: Sequence[str], *, as_json: bool) -> None:
    """Print the places of the guard, and what it refused.

    Args:
        limit: The number of places.
        countries: Only the places of these countries; empty for all.
        as_json: Whether to print JSON.
    """
    guard = read_guard(policy_context.load(), frozenset(countries))
    if as_json:
        click.echo(json.dumps(_to_dict(guard, limit), indent=2))
        return
    for line in _lines(guard, limit):
        click.echo(printable(line))


def _lines(guard: GuardReport, limit: int) -> list[str]:
    shown = guard.places[:limit]
    rows = [_row(place) for place in shown]
    header = ("PLACE", "LEVEL", "COUNTRY", "UNPROVEN", "APPROVED", "TRIPS", "UNTIL")
    hidden = len(guard.places) - len(shown)
    return [
        *_mode_lines(guard),
        f"guard_exempt is {guard.exempt}.",
        f"{_totals_text(guard)}.",
        *(["", *table(header, rows)] if rows else []),
        *([f"({hidden} more, see -n)"] if hidden else []),
    ]


def _mode_lines(guard: GuardReport) -> list[str]:
    since = f" since {format_time(guard.since)}" if guard.since else ""
    counted_from = format_time(guard.counted_from)
    lines = [f"guard is {guard.mode}{since}."]
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


def _totals_text(guard: GuardReport) -> str:
    count, suspended = len(guard.places), guard.suspended
    if not any(suspended.values()):
        return f"{count} places, and none of them is suspended"
    by_level = ", ".join(
        f"{level} {number}" for level, number in suspended.items() if number
    )
    return f"{count} places, of which are suspended: {by_level}"


def _totals(guard: GuardReport) -> dict[str, Any]:
    return {
        "places": len(guard.places),
        "suspended": {str(level): count for level, count in guard.suspended.items()},
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


def _to_dict(guard: GuardReport, limit: int) -> dict[str, Any]:
    return {
        "guard": guard.mode.text,
        "since": guard.since and guard.since.isoformat(),
        "counted_from": guard.counted_from.isoformat(),
        "refused": dict(guard.refused),
        "would_refuse": dict(guard.would_refuse),
        "guard_exempt": guard.exempt.text,
        "totals": _totals(guard),
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
