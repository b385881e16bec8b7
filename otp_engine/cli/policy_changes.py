"""Change the policy while the service runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from otp_engine.cli import policy_context, policy_limits
from otp_engine.cli.author import default_author
from otp_engine.cli.guessing import print_chance
from otp_engine.cli.policy_context import PolicyContext
from otp_engine.cli.terminal import fail, success, warn
from otp_engine.domain.events import PolicyChanged
from otp_engine.domain.policy.changes import Source, ValueChange
from otp_engine.domain.policy.online_guessing import guessing_chance
from otp_engine.domain.policy.policy import PARSERS, Policy, format_value
from otp_engine.domain.policy.signed_versions import MAX_VERSIONS
from otp_engine.domain.policy.versions import PolicyVersion, apply
from otp_engine.store.events.event_store import RedisEventStore

_MAX_TRIES = 20


@dataclass(frozen=True, slots=True)
class ChangeOptions:
    """How to store a change of the policy.

    Attributes:
        reason: The operator's reason.
        by: Name of the operator; None means `OTP_OPERATOR`, or the user and machine.
        dry_run: Whether to print the change without storing it.
    """

    reason: str | None
    by: str | None
    dry_run: bool = False


def set_(texts: Mapping[str, str], options: ChangeOptions) -> None:
    """Set values of the policy in one version.

    Args:
        texts: The values as text, by name.
        options: How to store the change.
    """
    values, problems = {}, []
    for name, text in texts.items():
        try:
            values[name] = format_value(PARSERS[name](text))
        except ValueError as problem:
            problems.append(f"{name} {problem}")
    if problems:
        fail(*problems)
    context = policy_context.load()
    _commit(context, options, lambda live: {**live, **values})


def unset(names: Sequence[str], options: ChangeOptions) -> None:
    """Return values to those of the environment.

    Args:
        names: The names of the values.
        options: How to store the change.
    """

    def without(live: Mapping[str, str]) -> dict[str, str]:
        if missing := [name for name in names if name not in live]:
            fail(
                f"{', '.join(missing)}: no live value, see `otp-engine policy show`",
            )
        return {name: text for name, text in live.items() if name not in names}

    _commit(policy_context.load(), options, without)


def rollback(version: int, options: ChangeOptions) -> None:
    """Restore all values of a version.

    Args:
        version: The number of the version; 0 for the values of the environment.
        options: How to store the change.
    """
    context = policy_context.load()
    versions = {
        stored.version: stored for stored in context.versions.history(MAX_VERSIONS)
    }
    if version and version not in versions:
        fail(f"there is no version {version}: see `otp-engine policy history`")
    values = versions[version].values if version else {}
    target = f"version {version}" if version else "the environment"
    options = replace(options, reason=options.reason or f"back to {target}")
    _commit(context, options, lambda _: values)


def _commit(
    context: PolicyContext,
    options: ChangeOptions,
    change: Callable[[Mapping[str, str]], Mapping[str, str]],
) -> None:
    """Store a new version, and retry when another operator stored one first."""
    for _ in range(_MAX_TRIES):
        latest = context.versions.latest()
        live = latest.values if latest else {}
        number, at = context.versions.following(datetime.now(UTC))
        new = PolicyVersion(
            version=number,
            created_at=at,
            author=options.by or context.settings.operator or default_author(),
            reason=options.reason,
            values=change(live),
        )
        changes = context.base.changes(live, new.values)
        if not changes:
            success("nothing changes: the values are already live")
            return
        base = context.settings.policy
        report = _Report(changes, apply(base, latest), apply(base, new))
        warnings = report.warnings(context)
        if options.dry_run:
            report.print(context, warnings)
            success("dry run: nothing is stored")
            return
        if context.versions.add(new):
            _emit_change(context.store.events, new, changes)
            report.print(context, warnings)
            success(f"version {number} is live within two seconds")
            return
    fail("other operators are changing the policy at the same time; try again")


@dataclass(frozen=True, slots=True)
class _Report:
    """What a change does.

    Attributes:
        changes: The changed values.
        old: The policy before.
        new: The policy after.
    """

    changes: Sequence[ValueChange]
    old: Policy
    new: Policy

    def warnings(self, context: PolicyContext) -> list[str]:
        """Return the warnings that the change adds."""
        known = context.policy_warnings(self.old)
        warnings = context.policy_warnings(self.new)
        return [
            *(warning for warning in warnings if warning not in known),
            *policy_limits.off_warnings(self.old, self.new),
            *policy_limits.full_warnings(
                context.store, context.settings, self.old, self.new
            ),
        ]

    def print(self, context: PolicyContext, warnings: Sequence[str]) -> None:
        """Print the warnings, the chance of guessing if it changes, and the values."""
        for warning in warnings:
            warn(warning)
        code_length = context.settings.service.code_length
        chance = guessing_chance(self.new, code_length)
        if chance != guessing_chance(self.old, code_length):
            print_chance(chance)
        for change in self.changes:
            success(str(change))


def _emit_change(
    events: RedisEventStore, version: PolicyVersion, changes: Sequence[ValueChange]
) -> None:
    values = [
        f"{change.name} = {change.new.text}"
        if change.new.source is Source.LIVE
        else f"{change.name} = value of the environment"
        for change in changes
    ]
    events.add(
        PolicyChanged(
            version=version.version,
            author=version.author,
            change="; ".join(values),
            reason=version.reason,
        )
    )
    events.flush()
