"""Show and change the policy while the service runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import click

from otp_engine.cli.author import default_author
from otp_engine.cli.common import load_with_redis
from otp_engine.cli.terminal import fail, printable, success, warn
from otp_engine.config import Settings, setting_warnings
from otp_engine.domain.events import PolicyChanged
from otp_engine.domain.policy.online_guessing import guessing_chance
from otp_engine.domain.policy.policy import PARSERS, Policy, format_value
from otp_engine.domain.policy.signed_versions import SignedPolicyVersions
from otp_engine.domain.policy.versions import PolicyVersion, apply
from otp_engine.store.events.event_store import RedisEventStore

_MAX_TRIES = 20
_MAX_VERSIONS = 1_000


@dataclass(frozen=True, slots=True)
class ChangeOptions:
    """How to store a change of the policy.

    Attributes:
        reason: The operator's reason.
        by: Name of the operator; None means `OTP_OPERATOR`, or the user and machine.
    """

    reason: str | None
    by: str | None


@dataclass(frozen=True, slots=True)
class _CliContext:
    settings: Settings
    versions: SignedPolicyVersions
    events: RedisEventStore


def _load_context() -> _CliContext:
    """Load the settings and the stores, and print the warnings about the versions."""
    settings, store = load_with_redis()
    versions = SignedPolicyVersions(store.policy_versions, settings.peppers)
    for warning in versions.warnings():
        warn(warning)
    return _CliContext(settings, versions, store.events)


def show(*, as_json: bool) -> None:
    """Print each value and its source.

    Args:
        as_json: Whether to print JSON.
    """
    context = _load_context()
    versions = context.versions.history(_MAX_VERSIONS)
    live = apply(context.settings.policy, versions[0] if versions else None)
    rows = [
        (name, format_value(getattr(live, name)), _source(context, name, versions))
        for name in PARSERS
    ]
    if as_json:
        values = {
            name: {"value": value, "from": source} for name, value, source in rows
        }
        click.echo(json.dumps(values, indent=2))
        return
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for name, value, source in rows:
        click.echo(f"{name:{widths[0]}}  {value:{widths[1]}}  {printable(source)}")
    chance = guessing_chance(live, context.settings.service.code_length)
    success(f"the chance of guessing a code is at most {chance}")
    for warning in setting_warnings.policy_warnings(live, context.settings):
        warn(warning)


def set_(name: str, value: str, options: ChangeOptions) -> None:
    """Set a value of the policy.

    Args:
        name: The name of the value.
        value: The value as text.
        options: How to store the change.
    """
    context = _load_context()
    try:
        text = format_value(PARSERS[name](value.strip()))
    except ValueError as problem:
        fail(f"{name} {problem}")
    _commit_change(context, options, lambda values: {**values, name: text})


def unset(name: str, options: ChangeOptions) -> None:
    """Return a value to that of the environment.

    Args:
        name: The name of the value.
        options: How to store the change.
    """
    context = _load_context()

    def without(values: Mapping[str, str]) -> dict[str, str]:
        if name not in values:
            fail(f"{name} has no live value: see `otp-engine policy show`")
        return {other: text for other, text in values.items() if other != name}

    _commit_change(context, options, without)


def rollback(version: int, options: ChangeOptions) -> None:
    """Restore all values of a version.

    Args:
        version: The number of the version; 0 for the values of the environment.
        options: How to store the change.
    """
    context = _load_context()
    versions = {
        stored.version: stored for stored in context.versions.history(_MAX_VERSIONS)
    }
    if version and version not in versions:
        fail(f"there is no version {version}: see `otp-engine policy history`")
    values = versions[version].values if version else {}
    options = replace(options, reason=options.reason or f"back to version {version}")
    _commit_change(context, options, lambda _: values)


def history(*, as_json: bool) -> None:
    """Print all versions, newest first: time, author, change and reason.

    Args:
        as_json: Whether to print JSON.
    """
    context = _load_context()
    versions = context.versions.history(_MAX_VERSIONS)
    if as_json:
        click.echo(json.dumps(list(map(_to_dict, versions)), indent=2))
        return
    previous = [*(version.values for version in versions[1:]), {}]
    # `previous` is one longer where there is no version.
    for version, old in zip(versions, previous, strict=False):
        reason = f"  # {version.reason}" if version.reason else ""
        change = "; ".join(_difference(old, version.values)) or "nothing"
        time = f"{version.created_at:%Y-%m-%d %H:%M:%SZ}"
        line = f"{version.version}  {time}  {version.author}  {change}{reason}"
        click.echo(printable(line))


def _commit_change(
    context: _CliContext,
    options: ChangeOptions,
    change: Callable[[Mapping[str, str]], Mapping[str, str]],
) -> None:
    """Store a new version, and retry when another operator stored one first."""
    for _ in range(_MAX_TRIES):
        latest = context.versions.latest()
        old = latest.values if latest else {}
        version, at = context.versions.following(datetime.now(UTC))
        new = PolicyVersion(
            version=version,
            created_at=at,
            author=options.by or context.settings.operator or default_author(),
            reason=options.reason,
            values=change(old),
        )
        base = context.settings.policy
        old_policy, new_policy = apply(base, latest), apply(base, new)
        difference = _difference(old, new.values)
        if not difference:
            success("nothing changes: the values are already live")
            return
        if context.versions.add(new):
            _warn_of_change(context, old_policy, new_policy)
            _emit_change(context.events, new, difference)
            for line in difference:
                success(line)
            success(f"version {new.version} is live within two seconds")
            return
    fail("other operators are changing the policy at the same time; try again")


def _warn_of_change(context: _CliContext, old: Policy, new: Policy) -> None:
    """Print the warnings that *new* adds, and the chance of guessing if it changes."""
    known = setting_warnings.policy_warnings(old, context.settings)
    for warning in setting_warnings.policy_warnings(new, context.settings):
        if warning not in known:
            warn(warning)
    code_length = context.settings.service.code_length
    chance = guessing_chance(new, code_length)
    if chance != guessing_chance(old, code_length):
        success(f"the chance of guessing a code is at most {chance}")


def _emit_change(
    events: RedisEventStore, version: PolicyVersion, difference: Sequence[str]
) -> None:
    events.add(
        PolicyChanged(
            version=version.version,
            author=version.author,
            change="; ".join(difference),
            reason=version.reason,
        )
    )
    events.flush()


def _difference(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    names = [name for name in PARSERS if old.get(name) != new.get(name)]
    return [f"{name} = {new.get(name, 'value of the environment')}" for name in names]


def _source(context: _CliContext, name: str, versions: Sequence[PolicyVersion]) -> str:
    if not versions or name not in versions[0].values:
        explicit = name in context.settings.explicit_policy_names
        return f"environment (OTP_{name.upper()})" if explicit else "default"
    value = versions[0].values[name]
    since = versions[0]
    for version in versions:
        if version.values.get(name) != value:
            break
        since = version
    reason = f": {since.reason}" if since.reason else ""
    return f"live, by {since.author} at {since.created_at:%Y-%m-%d %H:%M:%SZ}{reason}"


def _to_dict(version: PolicyVersion) -> dict[str, Any]:
    return {
        "version": version.version,
        "at": version.created_at.isoformat(),
        "author": version.author,
        "reason": version.reason,
        "values": dict(version.values),
    }
