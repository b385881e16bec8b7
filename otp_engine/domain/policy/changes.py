"""What a policy version changes: each value before and after."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from otp_engine.domain.events import PolicyChanged
from otp_engine.domain.policy import summaries
from otp_engine.domain.policy.policy import PARSERS, Policy, format_value
from otp_engine.domain.policy.reverts import PendingRevert, PolicyState
from otp_engine.domain.policy.versions import PolicyVersion


class Source(StrEnum):
    """Where a value of the policy comes from."""

    DEFAULT = "default"
    ENVIRONMENT = "environment"
    LIVE = "live"


@dataclass(frozen=True, slots=True)
class ValueEnd:
    """When a value ends, or one item of it.

    Attributes:
        until: The time, by the clock of Redis.
        then: The value that returns; None for an item that is removed.
        then_source: The source of the value that returns; None for an item.
        item: The item that ends; None for the whole value or a removed item.
    """

    until: datetime
    then: str | None
    then_source: Source | None = None
    item: str | None = None

    @property
    def subject(self) -> str:
        """What ends, without the time; empty for the whole value."""
        if self.then_source:
            return ""
        if self.item is None:
            return f"without {self.then}"
        return f"{self.item} (then {self.then})" if self.then else self.item


@dataclass(frozen=True, slots=True)
class SourcedValue:
    """A value of the policy as text, with its source and its ends."""

    text: str
    source: Source
    ends: tuple[ValueEnd, ...] = ()

    @property
    def end_texts(self) -> list[str]:
        """The ends as text, with one entry for all items of the same end."""
        subjects: dict[datetime, list[str]] = defaultdict(list)
        texts = []
        for end in self.ends:
            if end.then_source:
                then = _with_source(end.then or "", end.then_source)
                texts.append(f"{_until(end.until)}, then {then}")
            else:
                subjects[end.until].append(end.subject)
        return [
            *texts,
            *(
                f"{summaries.listed(names)} {_until(until)}"
                for until, names in subjects.items()
            ),
        ]

    def __str__(self) -> str:
        texts = self.end_texts
        if texts and not self.ends[0].then_source:
            texts = [f"({'; '.join(texts)})"]
        return " ".join([_with_source(self.text, self.source), *texts])


@dataclass(frozen=True, slots=True)
class ValueChange:
    """One changed value.

    Attributes:
        name: The name of the value.
        old: The value before.
        new: The value after.
    """

    name: str
    old: SourcedValue
    new: SourcedValue

    @property
    def new_with_ends(self) -> SourcedValue:
        """The new value with the ends that this change gives it."""
        return _without_ends(self.new, self.old)

    @property
    def old_with_ends(self) -> SourcedValue:
        """The old value with the ends that this change takes from it."""
        old = _without_ends(self.old, self.new)
        if (old.text, old.source) != (self.new.text, self.new.source):
            # The ends of a value that is replaced have no effect any longer.
            return replace(old, ends=())
        return old

    @property
    def difference(self) -> str:
        """The items that differ, if one of the values is long; else empty."""
        return summaries.difference(self.old.text, self.new.text)

    def __str__(self) -> str:
        text = f"{self.name}: {self.old_with_ends} → {self.new_with_ends}"
        return f"{text}: {self.difference}" if self.difference else text


@dataclass(frozen=True, slots=True)
class BasePolicy:
    """The policy of an environment, under every version.

    Attributes:
        policy: The policy.
        explicit_names: Names of the values that the environment sets.
    """

    policy: Policy
    explicit_names: Collection[str]

    def value(self, name: str, state: PolicyState) -> SourcedValue:
        """Return a value with the live values of a version over this policy."""
        ends = tuple(
            self._end(revert) for revert in state.reverts if revert.name == name
        )
        if name in state.values:
            return SourcedValue(state.values[name], Source.LIVE, ends)
        return SourcedValue(*self._own(name), ends)

    def text(self, name: str) -> str:
        """Return a value of this policy as text."""
        return format_value(getattr(self.policy, name))

    def _own(self, name: str) -> tuple[str, Source]:
        explicit = name in self.explicit_names
        return self.text(name), Source.ENVIRONMENT if explicit else Source.DEFAULT

    def _end(self, revert: PendingRevert) -> ValueEnd:
        until, before = revert.end.until, revert.before
        if revert.key is not None:
            return ValueEnd(until, before, item=revert.text)
        if before is None:
            return ValueEnd(until, *self._own(revert.name))
        return ValueEnd(until, before, Source.LIVE)

    def changes(self, old: PolicyState, new: PolicyState) -> list[ValueChange]:
        """List the values that differ between two versions.

        Args:
            old: The live values and the pending reverts before. Names that only another
                release has are ignored.
            new: The same after them.
        """
        return [
            ValueChange(name, before, after)
            for name in PARSERS
            if (before := self.value(name, old)) != (after := self.value(name, new))
        ]

    def changed_event(self, old: PolicyState, new: PolicyVersion) -> PolicyChanged:
        """Return the event of a new version.

        Args:
            old: The state before.
            new: The version.
        """
        changes = self.changes(old, new.state)
        values = [_event_text(change) for change in changes]
        return PolicyChanged(
            version=new.version,
            author=new.author,
            change="; ".join(values),
            reason=new.reason,
        )


def _event_text(change: ValueChange) -> str:
    value = change.new_with_ends
    if value.source is not Source.LIVE:
        value = SourcedValue("value of the environment", Source.LIVE, value.ends)
    text = f"{change.name} = {value}"
    return f"{text}: {change.difference}" if change.difference else text


def _until(time: datetime) -> str:
    return f"until {time.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"


def _without_ends(value: SourcedValue, other: SourcedValue) -> SourcedValue:
    """Return *value* without the ends that *other* has too."""
    return replace(value, ends=tuple(e for e in value.ends if e not in other.ends))


def _with_source(text: str, source: Source) -> str:
    text = summaries.summary(text)
    return text if source is Source.LIVE else f"{text} ({source})"
