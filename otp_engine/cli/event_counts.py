"""Counts of events by what they have in common."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import click

from otp_engine.cli.terminal import printable, table
from otp_engine.domain.events import RecordedEvent
from otp_engine.operations.event_fields import SHORT_HASH, to_dict
from otp_engine.store.events.codec import kind_of

_HASHES = frozenset({"ip", "phone"})


_HOUR = "%m-%d %H:00Z"


def _limit(fields: Mapping[str, Any]) -> Any:  # noqa: ANN401 - text or None
    limit = fields.get("limit")
    return f"{limit} shadow" if fields.get("shadow") else limit


_VALUES: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "country": lambda fields: fields.get("country"),
    "prefix": lambda fields: fields.get("prefix"),
    "limit": _limit,
    "kind": lambda fields: fields["kind"],
    "ip": lambda fields: fields.get("ip_hash"),
    "phone": lambda fields: fields.get("phone_hash"),
    "key": lambda fields: fields.get("client_name"),
    "channel": lambda fields: fields.get("channel"),
    "provider": lambda fields: fields.get("provider"),
    "error": lambda fields: fields.get("provider_error") or fields.get("error"),
    "hour": lambda fields: fields["at"].replace(minute=0, second=0, microsecond=0),
}


def print_counts(
    events: Iterable[RecordedEvent],
    names: Sequence[str],
    *,
    count: int | None,
    as_json: bool,
) -> None:
    """Print how many events have each combination of values, most frequent first.

    Counts by hour alone are in the order of time.

    Args:
        events: The events.
        names: What to count by.
        count: The number of combinations; None for all.
        as_json: Whether to print JSON.
    """
    counts: Counter[tuple[Any, ...]] = Counter()
    for recorded in events:
        fields = to_dict(recorded.event) | {
            "kind": kind_of(recorded.event),
            "at": recorded.occurred_at,
        }
        counts[tuple(_VALUES[name](fields) for name in names)] += 1
    if list(names) == ["hour"]:
        rows = sorted(counts.items())[-(count or 0) :]
    else:
        rows = sorted(counts.items(), key=lambda row: (-row[1], str(row[0])))[:count]
    if as_json:
        _print_json(rows, names)
        return
    width = max(len("COUNT"), *(len(str(number)) for _, number in rows), 0)
    cells = [
        (f"{number:{width}}", *map(_cell, names, values)) for values, number in rows
    ]
    for line in table(("COUNT", *(name.upper() for name in names)), cells):
        click.echo(line)


def _print_json(
    rows: Sequence[tuple[tuple[Any, ...], int]], names: Sequence[str]
) -> None:
    objects = [
        {"count": number} | dict(zip(names, values, strict=True))
        for values, number in rows
    ]
    click.echo(json.dumps(objects, indent=2, default=datetime.isoformat))


def _cell(name: str, value: Any) -> str:  # noqa: ANN401 - any field of an event
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return f"{value:{_HOUR}}"
    return printable(str(value))[: SHORT_HASH if name in _HASHES else None]
