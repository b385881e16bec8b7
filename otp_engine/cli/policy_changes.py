"""Change the policy while the service runs."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from otp_engine.cli import policy_context
from otp_engine.cli.author import default_author
from otp_engine.cli.guessing import print_chance
from otp_engine.cli.terminal import fail, success, warn
from otp_engine.domain.policy.end_times import Until
from otp_engine.errors import (
    InvalidChange,
    InvalidEnd,
    NoLiveValue,
    NoPolicyVersion,
    PolicyConflict,
)
from otp_engine.operations import policy, policy_items
from otp_engine.operations.context import OperatorContext
from otp_engine.operations.policy import Change, PlannedChange

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
    until: Until | None = None


def set_(texts: Mapping[str, str], options: ChangeOptions) -> None:
    """Set values of the policy in one version.

    Args:
        texts: The values as text, by name.
        options: How to store the change.
    """
    with failing():
        change = policy.set_values(texts)
    commit(policy_context.load(), options, change)


def unset(names: Sequence[str], options: ChangeOptions) -> None:
    """Return values to those of the environment.

    Args:
        names: The names of the values.
        options: How to store the change.
    """
    commit(policy_context.load(), options, policy.unset(names))


def rollback(version: int, options: ChangeOptions) -> None:
    """Restore all values of a version.

    Args:
        version: The number of the version; 0 for the values of the environment.
        options: How to store the change.
    """
    context = policy_context.load()
    with failing():
        change = policy.rollback(context, version)
    commit(context, options, change)


def block(kind: str, texts: Sequence[str], options: ChangeOptions) -> None:
    """Block some networks, countries, prefixes, channels or API keys in one version.

    Args:
        kind: What they are.
        texts: Their names, as operators write them.
        options: How to store the change.
    """
    # The environment is read after the names.
    with failing():
        policy_items.parse(kind, texts)
    context = policy_context.load()
    commit(context, options, policy_items.block(context.base, kind, texts))
    if not options.dry_run and options.until is None:
        success(f"`otp-engine policy unblock {kind} {' '.join(texts)}` undoes it")


def unblock(kind: str, texts: Sequence[str], options: ChangeOptions) -> None:
    """Unblock what `block` blocks.

    Args:
        kind: What they are.
        texts: Their names, as operators write them.
        options: How to store the change.
    """
    with failing():
        policy_items.parse(kind, texts)
    context = policy_context.load()
    commit(context, options, policy_items.unblock(context.base, kind, texts))


def commit(context: OperatorContext, options: ChangeOptions, change: Change) -> None:
    """Store a new version, and retry when another operator stored one first.

    Args:
        context: The settings and the stores.
        options: How to store the change.
        change: The change.
    """
    for note in change.notes:
        warn(note)
    author = options.by or context.settings.operator or default_author()
    for _ in range(_MAX_TRIES):
        with failing():
            planned = policy.plan(context, change, options.until)
        if not planned.changes:
            success("nothing changes: the values are already live")
            return
        if options.dry_run:
            _print(planned)
            success("dry run: nothing is stored")
            _print_replay(planned)
            return
        try:
            policy.commit(context, planned, author=author, reason=options.reason)
        except PolicyConflict:
            continue
        _print(planned)
        success(f"version {planned.number} is live within two seconds")
        return
    fail("other operators are changing the policy at the same time; try again")


@contextmanager
def failing() -> Iterator[None]:
    """End the process with 1 after a change that is not possible."""
    try:
        yield
    except InvalidEnd as error:
        fail(*(f"--until {problem}" for problem in error.problems))
    except NoLiveValue as error:
        fail(
            *(f"{problem}, see `otp-engine policy show`" for problem in error.problems)
        )
    except NoPolicyVersion as error:
        fail(*(f"{each}: see `otp-engine policy history`" for each in error.problems))
    except InvalidChange as error:
        for warning in error.warnings:
            warn(warning)
        fail(*error.problems)


def _print(planned: PlannedChange) -> None:
    """Print the warnings, the chance of guessing if it changes, and the values."""
    for warning in planned.warnings:
        warn(warning)
    if planned.chance:
        print_chance(planned.chance)
    for change in planned.changes:
        success(str(change))


def _print_replay(planned: PlannedChange) -> None:
    """Print the command that replays the stored sends against the new values."""
    values = [
        shlex.quote(f"{name}={text}") for name, text in planned.replayable.items()
    ]
    if values:
        command = " ".join(["otp-engine policy try", *values])
        success(f"`{command}` tries it on the stored sends")
