"""What a policy version changes: each value before and after."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from otp_engine.domain.policy.policy import PARSERS, Policy, format_value


class Source(StrEnum):
    """Where a value of the policy comes from."""

    DEFAULT = "default"
    ENVIRONMENT = "environment"
    LIVE = "live"


@dataclass(frozen=True, slots=True)
class SourcedValue:
    """A value of the policy as text, with its source."""

    text: str
    source: Source

    def __str__(self) -> str:
        return (
            self.text if self.source is Source.LIVE else f"{self.text} ({self.source})"
        )


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

    def __str__(self) -> str:
        return f"{self.name}: {self.old} → {self.new}"


@dataclass(frozen=True, slots=True)
class BasePolicy:
    """The policy of an environment, under every version.

    Attributes:
        policy: The policy.
        explicit_names: Names of the values that the environment sets.
    """

    policy: Policy
    explicit_names: Collection[str]

    def value(self, name: str, live: Mapping[str, str]) -> SourcedValue:
        """Return a value with the *live* values of a version over this policy."""
        if name in live:
            return SourcedValue(live[name], Source.LIVE)
        explicit = name in self.explicit_names
        text = format_value(getattr(self.policy, name))
        return SourcedValue(text, Source.ENVIRONMENT if explicit else Source.DEFAULT)

    def changes(
        self, old: Mapping[str, str], new: Mapping[str, str]
    ) -> list[ValueChange]:
        """List the values that differ between two sets of live values.

        Args:
            old: Live values by name. Names that only another release has are ignored.
            new: The live values after them.
        """
        return [
            ValueChange(name, self.value(name, old), self.value(name, new))
            for name in PARSERS
            if old.get(name) != new.get(name)
        ]
