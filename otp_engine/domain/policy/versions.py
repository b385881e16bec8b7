"""The policy as operators change it while the service runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from otp_engine.domain.policy.policy import PARSERS, Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyVersion:
    """One change, and all that is live after it.

    Attributes:
        version: Number for people: one more than the highest that Redis has, from 1.
        at: When it was made. The newest is live.
        who: Whose change, as the machine that it was made on calls them.
        reason: Why, in the words of whoever made it.
        values: Every live value, as text; a name that is not in it is as decided
            before the start.
    """

    version: int
    created_at: datetime
    author: str
    reason: str | None = None
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def order(self) -> tuple[datetime, int]:
        """What versions are compared by: the time, then the number.

        Numbers begin again when Redis loses the versions, and times do not.
        """
        return self.created_at, self.version


def apply(policy: Policy, change: PolicyVersion | None) -> Policy:
    """Put the live values over *policy*, if anything was ever changed.

    Names of another release are left out.

    Raises:
        ValueError: One of the values cannot be.
    """
    values = change.values if change else {}
    read = {
        name: PARSERS[name](text) for name, text in values.items() if name in PARSERS
    }
    return replace(policy, **read)
