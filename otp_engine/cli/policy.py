"""Show the policy and its history."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import click

from otp_engine.cli import policy_context
from otp_engine.cli.guessing import print_chance
from otp_engine.cli.policy_context import PolicyContext
from otp_engine.cli.terminal import format_time, printable, success, table, warn
from otp_engine.domain.policy.changes import Source, ValueChange
from otp_engine.domain.policy.online_guessing import guessing_chance
from otp_engine.domain.policy.policy import PARSERS
from otp_engine.domain.policy.signed_versions import MAX_VERSIONS
from otp_engine.domain.policy.versions import PolicyVersion, apply

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
    context = policy_context.load()
    versions = context.versions.history(MAX_VERSIONS)
    if as_json:
        click.echo(json.dumps(_policy_to_dict(context, versions), indent=2))
        return
    for line in _policy_lines(context, versions):
        click.echo(printable(line))
    live = apply(context.settings.policy, versions[0] if versions else None)
    chance = guessing_chance(live, context.settings.service.code_length)
    print_chance(chance)
    for warning in context.policy_warnings(live):
        warn(warning)


def history(limit: int | None, *, as_json: bool) -> None:
    """Print the versions, newest first: time, author, reason and changes.

    Args:
        limit: The number of versions; None for all.
        as_json: Whether to print JSON.
    """
    context = policy_context.load()
    versions = context.versions.history(MAX_VERSIONS)
    older = [*(version.values for version in versions[1:]), {}]
    # `older` is one longer where there is no version.
    changes = [
        (version, context.base.changes(old, version.values))
        for version, old in zip(versions, older, strict=False)
    ][:limit]
    if as_json:
        listed = [_version_to_dict(*entry) for entry in changes]
        click.echo(json.dumps(listed, indent=2))
        return
    if not versions:
        success(_NO_VERSION)
    for line in _history_lines(changes):
        click.echo(printable(line))


def _policy_lines(
    context: PolicyContext, versions: Sequence[PolicyVersion]
) -> list[str]:
    live = versions[0].values if versions else {}
    rows, shown, used = [], set(), []
    for name in PARSERS:
        value = context.base.value(name, live)
        source = str(value.source)
        if value.source is Source.LIVE:
            used.append(since := _live_since(name, versions))
            source = f"live since version {since.version}"
        rows.append((name, value.text, source))
        shown |= {value.source, *("shadow" for _ in [0] if "shadow" in value.text)}
    legend = (_LEGEND | {"shadow": _SHADOW}).items()
    return [
        _headline(versions),
        "",
        *table(("NAME", "VALUE", "SOURCE"), rows),
        "",
        *_version_lines(used),
        *(f"{word:11}  {meaning}" for word, meaning in legend if word in shown),
    ]


def _headline(versions: Sequence[PolicyVersion]) -> str:
    if not versions:
        return f"{_NO_VERSION.capitalize()}."
    return f"Policy version {versions[0].version} is live."


def _version_lines(versions: Sequence[PolicyVersion]) -> list[str]:
    """Return a table of *versions*, each once and newest first."""
    newest_first = sorted(versions, key=lambda version: version.order, reverse=True)
    rows = [_version_row(version) for version in newest_first]
    header = ("VERSION", "TIME", "AUTHOR", "REASON")
    return [*table(header, list(dict.fromkeys(rows))), ""] if rows else []


def _history_lines(
    changes: Sequence[tuple[PolicyVersion, Sequence[ValueChange]]],
) -> list[str]:
    if not changes:
        return []
    rows = [_version_row(version) for version, _ in changes]
    header, *lines = table(("VERSION", "TIME", "AUTHOR", "REASON"), rows)
    indent = " " * (len("VERSION") + 2)
    return [
        header,
        *(
            line
            for head, (_, changed) in zip(lines, changes, strict=True)
            for line in (head, *(f"{indent}{change}" for change in changed))
        ),
    ]


def _version_row(version: PolicyVersion) -> tuple[str, str, str, str]:
    return (
        f"{version.version:>{len('VERSION')}}",
        format_time(version.created_at),
        printable(version.author),
        printable(version.reason or ""),
    )


def _live_since(name: str, versions: Sequence[PolicyVersion]) -> PolicyVersion:
    """Return the version that gave *name* its live value.

    Args:
        name: The name of a live value.
        versions: All versions, newest first.
    """
    value = versions[0].values[name]
    since = versions[0]
    for version in versions:
        if version.values.get(name) != value:
            break
        since = version
    return since


def _policy_to_dict(
    context: PolicyContext, versions: Sequence[PolicyVersion]
) -> dict[str, Any]:
    newest = versions[0] if versions else None
    live: Mapping[str, str] = newest.values if newest else {}
    values = {}
    for name in PARSERS:
        value = context.base.value(name, live)
        since = _live_since(name, versions) if value.source is Source.LIVE else None
        values[name] = {"value": value.text, "source": value.source} | _record(since)
    return _record(newest) | {"values": values}


def _version_to_dict(
    version: PolicyVersion, changes: Sequence[ValueChange]
) -> dict[str, Any]:
    return _record(version) | {
        "changes": [
            {
                "name": change.name,
                "old": change.old.text,
                "old_source": change.old.source,
                "new": change.new.text,
                "new_source": change.new.source,
            }
            for change in changes
        ],
        "values": dict(version.values),
    }


def _record(version: PolicyVersion | None) -> dict[str, Any]:
    """Return number, time, author and reason of a version, or null for each."""
    return {
        "version": version and version.version,
        "at": version and version.created_at.isoformat(),
        "author": version and version.author,
        "reason": version and version.reason,
    }
