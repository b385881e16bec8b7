"""The values of the policy with their sources, and the history of versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from otp_engine.domain.policy.changes import Source, SourcedValue, ValueChange
from otp_engine.domain.policy.online_guessing import GuessingChance, guessing_chance
from otp_engine.domain.policy.policy import PARSERS
from otp_engine.domain.policy.reverts import PolicyState
from otp_engine.domain.policy.signed_versions import MAX_VERSIONS
from otp_engine.domain.policy.versions import PolicyVersion
from otp_engine.operations.context import OperatorContext, readable_policy


@dataclass(frozen=True, slots=True)
class LiveValue:
    """A value of the policy.

    Attributes:
        value: The value, with its source and its ends.
        since: The version that gave it its live value; None for another source.
    """

    value: SourcedValue
    since: PolicyVersion | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyReport:
    """The live policy.

    Attributes:
        newest: The newest version; None without one.
        values: All values by name.
        chance: The chance of guessing a code.
        warnings: What is unsafe in it, a sentence each.
    """

    newest: PolicyVersion | None
    values: Mapping[str, LiveValue]
    chance: GuessingChance
    warnings: Sequence[str]


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """A policy version, and what it changed."""

    version: PolicyVersion
    changes: Sequence[ValueChange]


def read_policy(context: OperatorContext) -> PolicyReport:
    """Return the live policy.

    Args:
        context: The settings and the stores.

    Raises:
        StoreUnavailable: Redis did not reply.
    """
    versions = context.versions.history(MAX_VERSIONS)
    live = context.versions.live_state()
    read = readable_policy(context.settings.policy, live)
    return PolicyReport(
        newest=versions[0] if versions else None,
        values={name: _live_value(context, name, live, versions) for name in PARSERS},
        chance=guessing_chance(read.policy, context.settings.service.code_length),
        warnings=[
            *([read.problem] if read.problem else []),
            *context.policy_warnings(read.policy),
        ],
    )


def history(context: OperatorContext, limit: int | None = None) -> list[HistoryEntry]:
    """Return the versions with what each one changed, newest first.

    Args:
        context: The settings and the stores.
        limit: The number of versions; None for all.

    Raises:
        StoreUnavailable: Redis did not reply.
    """
    versions = context.versions.history(MAX_VERSIONS)
    older = [*(version.state for version in versions[1:]), PolicyState()]
    # `older` is one longer where there is no version.
    pairs = list(zip(versions, older, strict=False))[:limit]
    return [
        HistoryEntry(version, context.base.changes(old, version.state))
        for version, old in pairs
    ]


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


def _live_value(
    context: OperatorContext,
    name: str,
    live: PolicyState,
    versions: Sequence[PolicyVersion],
) -> LiveValue:
    value = context.base.value(name, live)
    if value.source is not Source.LIVE:
        return LiveValue(value, None)
    return LiveValue(value, live_since(name, value.text, versions))
