"""Policy versions: the changes that operators make while the service runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from otp_engine.domain.policy.policy import PARSERS, Policy
from otp_engine.domain.policy.reverts import PendingRevert, PolicyState

ENGINE_AUTHOR = "otp-engine"
"""The author of a version that ends a change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyVersion:
    """One stored state of the policy.

    Attributes:
        version: Number, from 1: one more than the highest number in Redis.
        created_at: Time of the change, by the clock of Redis. The newest version is
            live.
        author: The operator's user name and machine, as `alice@ops`, or
            `ENGINE_AUTHOR`.
        reason: The operator's reason, if there is one.
        values: All live values, as text by name. The base policy has the other values.
        reverts: What later versions restore, and when.
    """

    version: int
    created_at: datetime
    author: str
    reason: str | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    reverts: tuple[PendingRevert, ...] = ()

    @property
    def state(self) -> PolicyState:
        """The live values and the pending reverts."""
        return PolicyState(self.values, self.reverts)

    @property
    def order(self) -> tuple[datetime, int]:
        """The sort key of versions: the time, then the number.

        Numbers start again at 1 when Redis loses the versions, and times do not.
        """
        return self.created_at, self.version


def apply(base_policy: Policy, version: PolicyVersion | PolicyState | None) -> Policy:
    """Return a policy with the live values of a version.

    Args:
        base_policy: The policy of the environment.
        version: The live version or its state, if there is one. Names that only another
            release has are ignored.

    Raises:
        ValueError: A value of the version is invalid. The message starts with its name.
    """
    texts = version.values if version else {}
    values = {
        name: _parse(name, text) for name, text in texts.items() if name in PARSERS
    }
    return replace(base_policy, **values)


def _parse(name: str, text: str) -> Any:  # noqa: ANN401 - any value of the policy
    try:
        return PARSERS[name](text)
    except ValueError as problem:
        raise ValueError(f"{name} {problem}") from None
