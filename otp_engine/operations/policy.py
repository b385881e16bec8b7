"""Change the policy while the service runs: plan a change, then commit it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TypeAlias

from otp_engine.config.setting_errors import budget_problems
from otp_engine.domain.policy import end_times
from otp_engine.domain.policy.changes import ValueChange
from otp_engine.domain.policy.end_times import Until
from otp_engine.domain.policy.online_guessing import GuessingChance, guessing_chance
from otp_engine.domain.policy.policy import PARSERS, Policy, format_value
from otp_engine.domain.policy.reverts import End, PolicyState
from otp_engine.domain.policy.signed_versions import MAX_VERSIONS
from otp_engine.domain.policy.summaries import MAX_TEXT
from otp_engine.domain.policy.versions import PolicyVersion, apply
from otp_engine.domain.replay.proposal import is_replayable
from otp_engine.errors import (
    InvalidChange,
    InvalidEnd,
    NoLiveValue,
    NoPolicyVersion,
    PolicyConflict,
)
from otp_engine.operations.context import OperatorContext, readable_policy
from otp_engine.operations.limit_warnings import full_warnings, off_warnings

Edit: TypeAlias = Callable[[PolicyState, End | None], PolicyState]
"""Returns the state after a change, which has an end or none."""


@dataclass(frozen=True, slots=True)
class Change:
    """What an operator wants to change.

    Attributes:
        edit: Makes the new state from the live one. It raises `InvalidChange`.
        notes: Warnings that do not depend on the live state, a sentence each.
        reason: The reason in the history, if the operator has none.
    """

    edit: Edit
    notes: Sequence[str] = ()
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedChange:
    """What a change would do to the live policy.

    Attributes:
        number: The number of the new version.
        created_at: The time of the new version, by the clock of Redis.
        basis: What the plan depends on: the number and the time of the live version.
        old: The state before.
        new: The state after.
        changes: The values that differ; empty if nothing changes.
        end: When the change ends; None for no end.
        notes: The notes of the change.
        warnings: The warnings that the change adds, a sentence each.
        chance: The chance of guessing a code; None if it stays the same.
        reason: The reason of the change, if the operator has none.
    """

    number: int
    created_at: datetime
    basis: str
    old: PolicyState
    new: PolicyState
    changes: Sequence[ValueChange]
    end: datetime | None
    notes: Sequence[str] = ()
    warnings: Sequence[str] = ()
    chance: GuessingChance | None = None
    reason: str | None = None

    @property
    def replayable(self) -> Mapping[str, str]:
        """The new values that a replay of the stored sends can try."""
        return {
            change.name: change.new.text
            for change in self.changes
            if is_replayable(change.name) and len(change.new.text) <= MAX_TEXT
        }


def set_values(texts: Mapping[str, str]) -> Change:
    """Return the change that sets values in one version.

    Args:
        texts: The values as text, by name.

    Raises:
        InvalidChange: A value is invalid.
    """
    return Change(partial(_with_values, canonical_values(texts)))


def canonical_values(texts: Mapping[str, str]) -> dict[str, str]:
    """Return values as text in canonical form.

    Args:
        texts: The values as text, by name.

    Raises:
        InvalidChange: A value is invalid.
    """
    values, problems = {}, []
    for name, text in texts.items():
        try:
            values[name] = format_value(PARSERS[name](text))
        except ValueError as problem:
            problems.append(f"{name} {problem}")
    if problems:
        raise InvalidChange(problems)
    return values


def unset(names: Sequence[str]) -> Change:
    """Return the change that returns values to those of the environment.

    Args:
        names: The names of the values. Its edit raises `NoLiveValue` if one of them
            has no live value.
    """

    def without(state: PolicyState, end: End | None) -> PolicyState:
        missing = [
            name
            for name in names
            if name not in state.values and state.find(name) is None
        ]
        if missing:
            raise NoLiveValue([f"{', '.join(missing)}: no live value"])
        return _with_values(dict.fromkeys(names), state, end)

    return Change(without)


def rollback(context: OperatorContext, version: int) -> Change:
    """Return the change that restores all values of a version.

    A change of that version that has ended stays ended. One that has not ended yet
    ends at its time, unless the rollback has an end.

    Args:
        context: The settings and the stores.
        version: The number of the version; 0 for the values of the environment.

    Raises:
        NoPolicyVersion: There is no such version.
        StoreUnavailable: Redis did not reply.
    """
    versions = {
        stored.version: stored for stored in context.versions.history(MAX_VERSIONS)
    }
    if version and version not in versions:
        raise NoPolicyVersion([f"there is no version {version}"])
    target = versions[version].state if version else PolicyState()
    ended = target.due(context.versions.now())
    target = target.ended(ended)
    notes = [
        f"{name} of version {version} has ended since:"
        f" {context.base.value(name, target)} returns"
        for name in dict.fromkeys(revert.name for revert in ended)
    ]
    title = f"version {version}" if version else "the environment"
    return Change(
        lambda state, end: state.with_values_of(target, end), notes, f"back to {title}"
    )


def plan(
    context: OperatorContext, change: Change, until: Until | None = None
) -> PlannedChange:
    """Return what a change would do, and store nothing.

    Args:
        context: The settings and the stores.
        change: The change.
        until: When it ends; None for no end.

    Raises:
        InvalidChange: The change is not possible.
        StoreUnavailable: Redis did not reply.
    """
    now = context.versions.now()
    # The number first: a version that another operator adds later has it too.
    number, created_at = context.versions.following(now)
    latest = context.versions.latest()
    old = latest.state if latest else PolicyState()
    end = _end(until, number, now)
    new = change.edit(old, end)
    planned = partial(
        PlannedChange,
        number=number,
        created_at=created_at,
        basis=_basis(latest),
        old=old,
        new=new,
        changes=(changes := context.base.changes(old, new)),
        end=end.until if end else None,
        notes=change.notes,
        reason=change.reason,
    )
    if not changes:
        return planned()
    before = readable_policy(context.settings.policy, latest)
    known = [before.problem] if before.problem else []
    after = _valid_policy(context, new, known)
    chance = _chance(context, after)
    return planned(
        warnings=[*known, *_added_warnings(context, before.policy, after)],
        chance=None if chance == _chance(context, before.policy) else chance,
    )


def commit(
    context: OperatorContext,
    planned: PlannedChange,
    *,
    author: str,
    reason: str | None = None,
) -> PolicyVersion:
    """Store a planned change as a version, which every worker uses in two seconds.

    Args:
        context: The settings and the stores.
        planned: The planned change.
        author: The name of the operator.
        reason: The operator's reason.

    Raises:
        PolicyConflict: Another operator has stored a version since the plan.
        StoreUnavailable: Redis did not reply.
    """
    version = PolicyVersion(
        version=planned.number,
        created_at=planned.created_at,
        author=author,
        reason=reason or planned.reason,
        values=planned.new.values,
        reverts=planned.new.reverts,
    )
    if not context.versions.add(version):
        raise PolicyConflict
    context.emit_change(planned.old, version)
    return version


def _with_values(
    values: Mapping[str, str | None], state: PolicyState, end: End | None
) -> PolicyState:
    for name, text in values.items():
        state = state.with_value(name, text, end)
    return state


def _end(until: Until | None, number: int, now: datetime) -> End | None:
    try:
        return None if until is None else End(end_times.resolve(until, now), number)
    except ValueError as problem:
        raise InvalidEnd([str(problem)]) from None


def _basis(latest: PolicyVersion | None) -> str:
    # Numbers start again at 1 when Redis loses the versions, and times do not.
    return f"{latest.version} {latest.created_at.isoformat()}" if latest else "0"


def _valid_policy(
    context: OperatorContext, state: PolicyState, warnings: Sequence[str]
) -> Policy:
    """Return the policy after a change.

    An item that is added to a list, or an earlier version, can be invalid.
    """
    settings = context.settings
    try:
        policy = apply(settings.policy, state)
    except ValueError as problem:
        raise InvalidChange([str(problem)], warnings) from None
    for name, problems in (
        ("budget", budget_problems(policy.budget, settings.currency)),
        ("routes", settings.route_problems(policy.routes)),
    ):
        if problems:
            raise InvalidChange([f"{name} {each}" for each in problems], warnings)
    return policy


def _added_warnings(context: OperatorContext, old: Policy, new: Policy) -> list[str]:
    known = context.policy_warnings(old)
    return [
        *(each for each in context.policy_warnings(new) if each not in known),
        *off_warnings(old, new),
        *full_warnings(context.store, context.settings, old, new),
    ]


def _chance(context: OperatorContext, policy: Policy) -> GuessingChance:
    return guessing_chance(policy, context.settings.service.code_length)
