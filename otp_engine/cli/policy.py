"""Show the policy and its history."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click

from otp_engine.cli import policy_context
from otp_engine.cli.guessing import print_chance
from otp_engine.cli.terminal import printable, success, table, warn
from otp_engine.domain.policy.changes import SourcedValue
from otp_engine.domain.policy.summaries import summary
from otp_engine.domain.policy.versions import PolicyVersion
from otp_engine.operations import policy_values
from otp_engine.operations.policy_values import (
    HistoryEntry,
    PolicyReport,
    read_policy,
)
from otp_engine.operations.times import format_time

_LEGEND = {
    "live": "set by that version, in force in every worker within two seconds",
    "environment": "set as OTP_NAME in the environment of this command",
    "default": "the value of this release, where OTP_NAME is not set here",
}
_NO_VERSION = "no policy version: every value is that of the environment"
_SHADOW = "of a window: it refuses nothing, and reports what it would refuse"


def show(*, as_json: bool) -> None:
    """Print the live version, and each value with its source.

    Args:
        as_json: Whether to print JSON.
    """
    report = read_policy(policy_context.load())
    if as_json:
        click.echo(json.dumps(_policy_to_dict(report), indent=2))
        return
    for line in _policy_lines(report):
        click.echo(printable(line))
    print_chance(report.chance)
    for warning in report.warnings:
        warn(warning)


def history(limit: int | None, *, as_json: bool) -> None:
    """Print the versions, newest first: time, author, reason and changes.

    Args:
        limit: The number of versions; None for all.
        as_json: Whether to print JSON.
    """
    entries = policy_values.history(policy_context.load(), limit)
    if as_json:
        click.echo(json.dumps(list(map(_entry_to_dict, entries)), indent=2))
        return
    if not entries:
        success(_NO_VERSION)
    for line in _history_lines(entries):
        click.echo(printable(line))


def _policy_lines(report: PolicyReport) -> list[str]:
    rows, shown, used, ends = [], set(), [], []
    for name, live in report.values.items():
        value, source = live.value, str(live.value.source)
        if live.since:
            used.append(live.since)
            source = f"live since version {live.since.version}"
        ends += [(name, text) for text in value.end_texts]
        rows.append((name, summary(value.text), source))
        shown |= {value.source, *("shadow" for _ in [0] if " shadow" in value.text)}
    legend = (_LEGEND | {"shadow": _SHADOW}).items()
    return [
        _headline(report.newest),
        "",
        *table(("NAME", "VALUE", "SOURCE"), rows),
        "",
        *([*table(("NAME", "ENDS"), ends), ""] if ends else []),
        *_version_lines(used),
        *(f"{word:11}  {meaning}" for word, meaning in legend if word in shown),
    ]


def _headline(newest: PolicyVersion | None) -> str:
    if newest is None:
        return f"{_NO_VERSION.capitalize()}."
    return f"Policy version {newest.version} is live."


def _version_lines(versions: Sequence[PolicyVersion]) -> list[str]:
    """Return a table of *versions*, each once and newest first."""
    newest_first = sorted(versions, key=lambda version: version.order, reverse=True)
    rows = [_version_row(version) for version in newest_first]
    header = ("VERSION", "TIME", "AUTHOR", "REASON")
    return [*table(header, list(dict.fromkeys(rows))), ""] if rows else []


def _history_lines(entries: Sequence[HistoryEntry]) -> list[str]:
    if not entries:
        return []
    rows = [_version_row(entry.version) for entry in entries]
    header, *lines = table(("VERSION", "TIME", "AUTHOR", "REASON"), rows)
    indent = " " * (len("VERSION") + 2)
    return [
        header,
        *(
            line
            for head, entry in zip(lines, entries, strict=True)
            for line in (head, *(f"{indent}{change}" for change in entry.changes))
        ),
    ]


def _version_row(version: PolicyVersion) -> tuple[str, str, str, str]:
    return (
        f"{version.version:>{len('VERSION')}}",
        format_time(version.created_at),
        printable(version.author),
        printable(version.reason or ""),
    )


def _policy_to_dict(report: PolicyReport) -> dict[str, Any]:
    values = {
        name: {
            "value": live.value.text,
            "source": live.value.source,
            **_record(live.since),
            "ends": _ends(live.value),
        }
        for name, live in report.values.items()
    }
    return _record(report.newest) | {"values": values}


def _entry_to_dict(entry: HistoryEntry) -> dict[str, Any]:
    return _record(entry.version) | {
        "changes": [
            {
                "name": change.name,
                "old": change.old.text,
                "old_source": change.old.source,
                "new": change.new.text,
                "new_source": change.new.source,
                "ends": _ends(change.new),
            }
            for change in entry.changes
        ],
        "values": dict(entry.version.values),
    }


def _ends(value: SourcedValue) -> list[dict[str, Any]]:
    return [
        {
            "until": end.until.isoformat(),
            "item": end.item,
            "then": end.then,
            "then_source": end.then_source,
        }
        for end in value.ends
    ]


def _record(version: PolicyVersion | None) -> dict[str, Any]:
    """Return number, time, author and reason of a version, or null for each."""
    return {
        "version": version and version.version,
        "at": version and version.created_at.isoformat(),
        "author": version and version.author,
        "reason": version and version.reason,
    }
