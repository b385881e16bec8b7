"""Counts of events by what they have in common."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import click

from otp_engine.cli.event_text import SHORT_HASH, to_dict
from otp_engine.cli.terminal import printable, table
from otp_engine.domain.events import RecordedEvent
from otp_engine.store.events.codec import kind_of

_HASHES = frozenset({"ip", "phone"})


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
    "error": lambda fields: fields.get("provider_error") or fields.get("error"),
}


def print_counts(
    events: Iterable[RecordedEvent],
    names: Sequence[str],
    *,
    limit: int | None,
    as_json: bool,
) -> None:
    """Print how many events have each combination of values, most frequent first.

    Args:
        events: The events.
        names: What to count by.
        limit: The number of combinations; None for all.
        as_json: Whether to print JSON.
    """
    counts: Counter[tuple[Any, ...]] = Counter()
    for recorded in events:
        fields = to_dict(recorded.event) | {"kind": kind_of(recorded.event)}
        counts[tuple(_VALUES[name](fields) for name in names)] += 1
    common = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))[:limit]
    if as_json:
        rows = [
            {"count": count} | dict(zip(names, values, strict=True))
            for values, count in common
        ]
        click.echo(json.dumps(rows, indent=2))
        return
    width = max(len("COUNT"), *(len(str(count)) for _, count in common), 0)
    cells = [
        (f"{count:{width}}", *map(_cell, names, values)) for values, count in common
    ]
    for line in table(("COUNT", *(name.upper() for name in names)), cells):
        click.echo(line)


def _cell(name: str, value: Any) -> str:  # noqa: ANN401 - any field of an event
    if value is None:
        return "-"
    return printable(str(value))[: SHORT_HASH if name in _HASHES else None]
