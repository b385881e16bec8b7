"""Show the policy and its history."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click

from otp_engine.cli import policy_context
from otp_engine.cli.guessing import print_chance
from otp_engine.cli.policy_context import warned
from otp_engine.cli.terminal import format_time, printable, success, table, warn
from otp_engine.domain.policy.changes import Source, SourcedValue, ValueChange
from otp_engine.domain.policy.online_guessing import guessing_chance
from otp_engine.domain.policy.policy import PARSERS
from otp_engine.domain.policy.reverts import PolicyState
from otp_engine.domain.policy.signed_versions import MAX_VERSIONS
from otp_engine.domain.policy.summaries import summary
from otp_engine.domain.policy.versions import PolicyVersion
from otp_engine.operations.context import OperatorContext, readable_policy

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
    live = context.versions.live_state()
    if as_json:
        click.echo(json.dumps(_policy_to_dict(context, versions, live), indent=2))
        return
    for line in _policy_lines(context, versions, live):
        click.echo(printable(line))
    policy = warned(readable_policy(context.settings.policy, live))
    chance = guessing_chance(policy, context.settings.service.code_length)
    print_chance(chance)
    for warning in context.policy_warnings(policy):
        warn(warning)


def history(limit: int | None, *, as_json: bool) -> None:
    """Print the versions, newest first: time, author, reason and changes.

    Args:
        limit: The number of versions; None for all.
        as_json: Whether to print JSON.
    """
    context = policy_context.load()
    versions = context.versions.history(MAX_VERSIONS)
    older = [*(version.state for version in versions[1:]), PolicyState()]
    # `older` is one longer where there is no version.
    changes = [
        (version, context.base.changes(old, version.state))
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
    context: OperatorContext, versions: Sequence[PolicyVersion], live: PolicyState
) -> list[str]:
    rows, shown, used, ends = [], set(), [], []
    for name in PARSERS:
        value = context.base.value(name, live)
        source = str(value.source)
        if value.source is Source.LIVE:
            used.append(since := live_since(name, value.text, versions))
            source = f"live since version {since.version}"
        ends += [(name, text) for text in value.end_texts]
        rows.append((name, summary(value.text), source))
        shown |= {value.source, *("shadow" for _ in [0] if " shadow" in value.text)}
    legend = (_LEGEND | {"shadow": _SHADOW}).items()
    return [
        _headline(versions),
        "",
        *table(("NAME", "VALUE", "SOURCE"), rows),
        "",
        *([*table(("NAME", "ENDS"), ends), ""] if ends else []),
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


def live_since(
    name: str, text: str, versions: Sequence[PolicyVersion]
) -> PolicyVersion:
    """Return the version that gave *name* its live value.

    Args:
        name: The name of a live value.
        text: The value.
        versions: All versions, newest first.
    """
    since = versions[0]
    for version in versions[1:]:
        if version.values.get(name) != text:
            break
        since = version
    return since


def _policy_to_dict(
    context: OperatorContext, versions: Sequence[PolicyVersion], live: PolicyState
) -> dict[str, Any]:
    newest = versions[0] if versions else None
    values = {}
    for name in PARSERS:
        value = context.base.value(name, live)
        is_live = value.source is Source.LIVE
        since = live_since(name, value.text, versions) if is_live else None
        values[name] = {
            "value": value.text,
            "source": value.source,
            **_record(since),
            "ends": _ends(value),
        }
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
                "ends": _ends(change.new),
            }
            for change in changes
        ],
        "values": dict(version.values),
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
