"""The chance of guessing a code under a policy, and how weak a policy may be.

Every check is compared with all live codes of a verification. So the chance grows with
the checks, the live codes and, by a factor of ten each, the digits that are missing.
The attacker is taken to know the number, to have every message sent that the limits
allow, and to use every check.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction

from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.policy.policy import Policy

CONSECUTIVE_FAILURES = 100
"""Failed checks in a row after which NIST SP 800-63B-4 (3.2.2) ends all checks."""

DIGITS = 6
"""Of a code at least: NIST SP 800-63B-4, 3.1.3.2; OWASP ASVS 5.0, 6.5.4 (20 bits)."""

BOUND = Fraction(CONSECUTIVE_FAILURES, 10**DIGITS)
"""The most that the two rules leave to an attacker: 100 checks of one six-digit code,
a chance of 1 in 10,000. More, for a verification or for a day, is warned of."""

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Chance:
    """The chance of guessing a code of one phone, at most.

    Attributes:
        per_verification: With all checks of one verification.
        per_day: With all checks of a day, over all verifications.
    """

    per_verification: Fraction
    per_day: Fraction

    def __str__(self) -> str:
        return (
            f"{one_in(self.per_verification)} a verification"
            f" and {one_in(self.per_day)} a day"
        )

    @property
    def exceeds_bound(self) -> bool:
        """Whether either is over `BOUND`."""
        return max(self.per_verification, self.per_day) > BOUND


def chance(policy: Policy) -> Chance:
    """Compute the chance of guessing a code under *policy*.

    `failed_checks_per_phone` does not count: each bound verification has a budget of
    its own. What ends all checks of a phone is `max_consecutive_failures`.

    Returns:
        Upper bounds for a day without a right code, which clears the failed checks.
    """
    live = _live_codes(policy)
    failures = policy.max_consecutive_failures
    verification = min(policy.max_checks, failures) * live
    day = failures * live
    if sends := _within(policy.sends_per_phone, _DAY):
        # All checks of a verification are compared with all of its codes, at most.
        day = min(day, policy.max_checks * sends)
    codes = 10**policy.code_length
    return Chance(
        min(Fraction(verification, codes), Fraction(1)),
        min(Fraction(day, codes), Fraction(1)),
    )


def _live_codes(policy: Policy) -> int:
    """The most codes of one verification that are live at the same time."""
    codes = policy.max_sends
    if policy.resend_cooldown:
        codes = min(codes, -(-policy.ttl // policy.resend_cooldown))
    if sends := _within(policy.sends_per_phone, policy.ttl):
        codes = min(codes, sends)
    return codes


def _within(limit: Limit, stretch: timedelta) -> int | None:
    """The most that *limit* lets through in *stretch*; None without a limit."""
    return min(
        (one.count * -(-stretch // one.period) for one in limit.enforced.windows),
        default=None,
    )


def one_in(chance: Fraction) -> str:
    """Return *chance* as text, such as `1 in 10,000`."""
    return f"1 in {int(1 / chance):,}"
