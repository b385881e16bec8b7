"""Until when the failed checks of a factor lock it, for an operator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from otp_engine.domain.factors.ports import StoredFactor
from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.policy.policy import Policy

MAX_TRIES = 5
"""Checks of an unverified factor, as many as Twilio allows (error 60310)."""


@dataclass(frozen=True, slots=True)
class Lockout:
    """What refuses every check of a factor.

    Attributes:
        rule: The rule that refuses.
        until: When it ends; None for an unverified factor, which stays locked.
    """

    rule: str
    until: datetime | None


def find_lockout(factor: StoredFactor, policy: Policy, now: datetime) -> Lockout | None:
    """Return what refuses a check of *factor*; None if no rule of the factor does.

    `reserve_factor_check.lua` decides the same by the clock of Redis.

    Args:
        factor: The factor.
        policy: The policy in force.
        now: The time.
    """
    if factor.verified_at is None:
        is_locked = len(factor.failed_at) >= MAX_TRIES
        return Lockout("max_factor_tries", None) if is_locked else None
    return _longest(factor.failed_at, policy, now)


def find_recovery_lockout(
    factor: StoredFactor, policy: Policy, now: datetime
) -> Lockout | None:
    """Return what refuses a check of a recovery code of *factor*.

    `reserve_recovery_check.lua` decides the same by the clock of Redis.

    Args:
        factor: The factor.
        policy: The policy in force.
        now: The time.
    """
    return _longest(factor.recovery_failed_at, policy, now)


def _longest(
    failed_at: Sequence[datetime], policy: Policy, now: datetime
) -> Lockout | None:
    ends = [
        (end, name)
        for name, limit in (
            ("failed_checks_per_factor", policy.failed_checks_per_factor),
            ("max_consecutive_failures", policy.consecutive_failures),
        )
        for end in _ends(failed_at, limit, now)
    ]
    if not ends:
        return None
    until, rule = max(ends)
    return Lockout(rule, until)


def _ends(failed_at: Sequence[datetime], limit: Limit, now: datetime) -> list[datetime]:
    """Return when each full window of *limit* accepts another check."""
    ends = []
    for window in limit.windows:
        # Sorted, because the clock of Redis can have gone back between two checks.
        used = sorted(at for at in failed_at if at > now - window.period)
        if len(used) >= window.count:
            ends.append(used[-window.count] + window.period)
    return ends
