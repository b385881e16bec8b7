"""Show which stored sends proposed values of the policy would have refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from otp_engine.cli import policy_context
from otp_engine.cli.policy_changes import failing
from otp_engine.cli.terminal import fail, printable, table, warn
from otp_engine.domain.replay.report import Group, Tally
from otp_engine.errors import ReplayNotPossible
from otp_engine.operations.policy import canonical_values
from otp_engine.operations.replay import ReplayResult, replay
from otp_engine.operations.times import format_time

_DATA_OF_GROUP = {
    Group.COUNTRY: "countries",
    Group.PREFIX: "prefixes",
    Group.BLOCK: "blocks",
    Group.ADDRESS: "addresses",
}


@dataclass(frozen=True, slots=True)
class ReplayQuery:
    """What to replay.

    Attributes:
        texts: The proposed values as text, by name.
        since: Time of the first send.
        until: Time of the last send; None for now.
        count: Rows of each table; with JSON all are printed.
        as_json: Whether to print JSON.
    """

    texts: Mapping[str, str]
    since: datetime
    until: datetime | None
    count: int
    as_json: bool


def try_(query: ReplayQuery) -> None:
    """Print which sends proposed values would have refused."""
    with failing():
        values = canonical_values(query.texts)
    context = policy_context.load()
    policy_context.live_policy(context)
    end = query.until or datetime.now(UTC)
    if query.since >= end:
        times = f"{format_time(query.since)} is after {format_time(end)}"
        fail(f"--since must be before --until, or before now: {times}")
    try:
        result = replay(context, values, query.since, end)
    except ReplayNotPossible as problem:
        fail(problem.message)
    if query.as_json:
        click.echo(json.dumps(_to_dict(result), indent=2))
        return
    for note in result.notes:
        warn(note)
    for line in _lines(result, query.count):
        click.echo(printable(line))


def _lines(result: ReplayResult, count: int) -> list[str]:
    report = result.report
    values = "; ".join(f"{name} = {text}" for name, text in result.values.items())
    period = timedelta(seconds=round((result.end - result.start).total_seconds()))
    times = f"{format_time(result.start)} to {format_time(result.end)}"
    lines = [f"Replay of {values}", f"{times} ({period})", "", *_summary(result)]
    for group in Group:
        if report.rows(group):
            lines += ["", *_group_lines(result, group, count)]
    return lines


def _summary(result: ReplayResult) -> list[str]:
    report = result.report
    total = report.total
    approved, delayed = len(report.approved_phones), len(report.delayed_phones)
    rows = [
        ("sends", f"{total.sends}"),
        ("refused", f"{total.refused}, to {len(report.refused_phones)} phones"),
        (
            "approved afterwards",
            f"{total.approved}, of {approved} phones; {delayed} got another message",
        ),
        (
            "saved messages",
            f"{total.saved}{_cost(total, result)}, which no approval followed",
        ),
    ]
    if report.refused_before or report.admitted:
        rows.append(
            (
                "refused in the record",
                f"{report.refused_before} of these; {report.admitted} others pass now",
            )
        )
    width = max(len(name) for name, _ in rows)
    return [f"{name:{width}}  {text}" for name, text in rows]


def _group_lines(result: ReplayResult, group: Group, count: int) -> list[str]:
    rows = result.report.rows(group)
    cells = [
        (
            result.name_of(group, key),
            *map(str, (tally.sends, tally.refused, tally.approved, tally.saved)),
            _cost(tally, result),
        )
        for key, tally in rows[:count]
    ]
    header = (group.upper(), "SENDS", "REFUSED", "APPROVED", "SAVED", "")
    lines = table(header, cells)
    more = len(rows) - count
    return [*lines, f"and {more} more"] if more > 0 else lines


def _cost(tally: Tally, result: ReplayResult) -> str:
    if not tally.saved_cost:
        return ""
    return f" ({tally.saved_cost / 1e6:.2f} {result.currency})"


def _to_dict(result: ReplayResult) -> dict[str, Any]:
    report = result.report
    return {
        "values": dict(result.values),
        "since": result.start.isoformat(),
        "until": result.end.isoformat(),
        "warm_up_until": result.warm_up_until and result.warm_up_until.isoformat(),
        "events": result.record.events,
        "events_without_facts": result.record.without_facts,
        "notes": list(result.notes),
        "currency": result.currency,
        "total": _tally(report.total)
        | {
            "refused_phones": len(report.refused_phones),
            "approved_phones": len(report.approved_phones),
            "delayed_phones": len(report.delayed_phones),
            "refused_before": report.refused_before,
            "admitted": report.admitted,
        },
        "known_blocks": {
            key: result.blocks[key]
            for key, _ in report.rows(Group.BLOCK)
            if key in result.blocks
        },
        **{
            name: [
                {group.value: key} | _tally(tally) for key, tally in report.rows(group)
            ]
            for group, name in _DATA_OF_GROUP.items()
        },
    }


def _tally(tally: Tally) -> dict[str, int]:
    return {
        "sends": tally.sends,
        "refused": tally.refused,
        "approved": tally.approved,
        "saved": tally.saved,
        "saved_cost": tally.saved_cost,
    }
