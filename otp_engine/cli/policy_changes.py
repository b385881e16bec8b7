"""Change the policy while the service runs."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from functools import partial
from typing import TypeAlias

from otp_engine.cli import ends, policy_context, policy_limits
from otp_engine.cli.author import default_author
from otp_engine.cli.guessing import print_chance
from otp_engine.cli.policy_context import warned
from otp_engine.cli.terminal import fail, success, warn
from otp_engine.config.setting_errors import budget_problems
from otp_engine.domain.policy.changes import ValueChange
from otp_engine.domain.policy.online_guessing import guessing_chance
from otp_engine.domain.policy.policy import PARSERS, Policy, format_value
from otp_engine.domain.policy.reverts import End, PolicyState
from otp_engine.domain.policy.signed_versions import MAX_VERSIONS
from otp_engine.domain.policy.summaries import MAX_TEXT
from otp_engine.domain.policy.versions import PolicyVersion, apply
from otp_engine.domain.replay.proposal import is_replayable
from otp_engine.operations.context import OperatorContext, readable_policy

_MAX_TRIES = 20


@dataclass(frozen=True, slots=True)
class ChangeOptions:
    """How to store a change of the policy.

    Attributes:
        reason: The operator's reason.
        by: Name of the operator; None means `OTP_OPERATOR`, or the user and machine.
        dry_run: Whether to print the change without storing it.
        until: When the change ends: a duration from now, the next such time of day, or
            a time. None for no end.
    """

    reason: str | None
    by: str | None
    dry_run: bool = False
    until: timedelta | time | datetime | None = None


Change: TypeAlias = Callable[[PolicyState, End | None], PolicyState]
"""Returns the state after a change, which has an end or none."""


def set_(texts: Mapping[str, str], options: ChangeOptions) -> None:
    """Set values of the policy in one version.

    Args:
        texts: The values as text, by name.
        options: How to store the change.
    """
    values = canonical_values(texts)
    commit(policy_context.load(), options, partial(_with_values, values))


def canonical_values(texts: Mapping[str, str]) -> dict[str, str]:
    """Return values as text in canonical form; an invalid one ends the process with 1.

    Args:
        texts: The values as text, by name.
    """
    values, problems = {}, []
    for name, text in texts.items():
        try:
            values[name] = format_value(PARSERS[name](text))
        except ValueError as problem:
            problems.append(f"{name} {problem}")
    if problems:
        fail(*problems)
    return values


def unset(names: Sequence[str], options: ChangeOptions) -> None:
    """Return values to those of the environment.

    Args:
        names: The names of the values.
        options: How to store the change.
    """

    def without(state: PolicyState, end: End | None) -> PolicyState:
        missing = [
            name
            for name in names
            if name not in state.values and state.find(name) is None
        ]
        if missing:
            fail(
                f"{', '.join(missing)}: no live value, see `otp-engine policy show`",
            )
        return _with_values(dict.fromkeys(names), state, end)

    commit(policy_context.load(), options, without)


def rollback(version: int, options: ChangeOptions) -> None:
    """Restore all values of a version.

    A change of that version that has ended stays ended. One that has not ended yet
    ends at its time, unless the rollback has an end.

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
    target = versions[version].state if version else PolicyState()
    ended = target.due(context.versions.now())
    target = target.ended(ended)
    for name in dict.fromkeys(revert.name for revert in ended):
        value = context.base.value(name, target)
        warn(f"{name} of version {version} has ended since: {value} returns")
    title = f"version {version}" if version else "the environment"
    options = replace(options, reason=options.reason or f"back to {title}")
    commit(context, options, lambda state, end: state.with_values_of(target, end))


def _with_values(
    values: Mapping[str, str | None], state: PolicyState, end: End | None
) -> PolicyState:
    for name, text in values.items():
        state = state.with_value(name, text, end)
    return state


def commit(context: OperatorContext, options: ChangeOptions, change: Change) -> None:
    """Store a new version, and retry when another operator stored one first.

    Args:
        context: The settings and the stores.
        options: How to store the change.
        change: Makes the new state from the live one.
    """
    for _ in range(_MAX_TRIES):
        now = context.versions.now()
        # The number first: a version that another operator adds later has it too.
        number, at = context.versions.following(now)
        latest = context.versions.latest()
        old = latest.state if latest else PolicyState()
        end = ends.resolve(options.until, number, now)
        state = change(old, end)
        new = PolicyVersion(
            version=number,
            created_at=at,
            author=options.by or context.settings.operator or default_author(),
            reason=options.reason,
            values=state.values,
            reverts=state.reverts,
        )
        changes = context.base.changes(old, new.state)
        if not changes:
            success("nothing changes: the values are already live")
            return
        base = context.settings.policy
        before = warned(readable_policy(base, latest))
        report = _Report(changes, before, _new_policy(base, new))
        currency = context.settings.currency
        if problems := budget_problems(report.new.budget, currency):
            fail(*(f"budget {problem}" for problem in problems))
        if problems := context.settings.route_problems(report.new.routes):
            fail(*(f"routes {problem}" for problem in problems))
        warnings = report.warnings(context)
        if options.dry_run:
            report.print(context, warnings)
            success("dry run: nothing is stored")
            _print_replay(changes)
            return
        if context.versions.add(new):
            context.emit_change(old, new)
            report.print(context, warnings)
            success(f"version {number} is live within two seconds")
            return
    fail("other operators are changing the policy at the same time; try again")


def _new_policy(base: Policy, version: PolicyVersion) -> Policy:
    """Return the policy after a change; an invalid one ends the process with 1.

    An item that is added to a list, or an earlier version, can be invalid.
    """
    try:
        return apply(base, version)
    except ValueError as problem:
        fail(str(problem))


def _print_replay(changes: Sequence[ValueChange]) -> None:
    """Print the command that replays the stored sends against the new values."""
    values = [
        shlex.quote(f"{change.name}={change.new.text}")
        for change in changes
        if is_replayable(change.name) and len(change.new.text) <= MAX_TEXT
    ]
    if values:
        command = " ".join(["otp-engine policy try", *values])
        success(f"`{command}` tries it on the stored sends")


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

    def warnings(self, context: OperatorContext) -> list[str]:
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

    def print(self, context: OperatorContext, warnings: Sequence[str]) -> None:
        """Print the warnings, the chance of guessing if it changes, and the values."""
        for warning in warnings:
            warn(warning)
        code_length = context.settings.service.code_length
        chance = guessing_chance(self.new, code_length)
        if chance != guessing_chance(self.old, code_length):
            print_chance(chance)
        for change in self.changes:
            success(str(change))
