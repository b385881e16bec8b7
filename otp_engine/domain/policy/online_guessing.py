"""The chance of an online guessing attack under a policy.

Each check is compared with all live codes of a verification. The chance therefore grows
with the number of checks and of live codes, and tenfold with each digit less. The
attacker is assumed to know the number, to have every message sent that the limits
allow, and to use every check.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction

from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.policy.policy import Policy

MAX_CONSECUTIVE_FAILURES = 100
"""Consecutive failures after which NIST SP 800-63B-4 (3.2.2) disables checks."""

MIN_CODE_LENGTH = 6
"""The least number of digits of a code.

Sources: NIST SP 800-63B-4, 3.1.3.2; OWASP ASVS 5.0, 6.5.4 (20 bits).
"""

MAX_CHANCE = Fraction(MAX_CONSECUTIVE_FAILURES, 10**MIN_CODE_LENGTH)
"""The largest chance within both rules: 100 checks of one six-digit code, 1 in 10,000.

A larger chance for a verification or a day causes a warning.
"""

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class GuessingChance:
    """Upper bounds of the chance that an attacker finds a code of one phone.

    Attributes:
        per_verification: With all checks of one verification.
        per_day: With all checks of a day, over all verifications.
    """

    per_verification: Fraction
    per_day: Fraction

    def __str__(self) -> str:
        return (
            f"{format_chance(self.per_verification)} a verification"
            f" and {format_chance(self.per_day)} a day"
        )

    @property
    def exceeds_maximum(self) -> bool:
        """Whether either chance is larger than `MAX_CHANCE`."""
        return max(self.per_verification, self.per_day) > MAX_CHANCE


def guessing_chance(
    policy: Policy, service_code_length: int | None = None
) -> GuessingChance:
    """Compute the chance of an online guessing attack under *policy*.

    `failed_checks_per_phone` has no effect, because each bound verification has its own
    budget of failed checks. `max_consecutive_failures` ends all checks of a phone.

    Args:
        policy: The policy.
        service_code_length: Digits of the codes of the default service of `/v2`, which
            count if they are shorter; None if that service has no length of its own.

    Returns:
        Upper bounds for a day without a right code, which clears the failed checks.
    """
    live_codes = _max_live_codes(policy)
    failures = policy.max_consecutive_failures
    per_verification = min(policy.max_checks, failures) * live_codes
    per_day = failures * live_codes
    if sends := _max_events(policy.sends_per_phone, _DAY):
        # Each check of a verification is compared with all of its codes, at most.
        per_day = min(per_day, policy.max_checks * sends)
    codes = 10 ** min(policy.code_length, service_code_length or policy.code_length)
    return GuessingChance(
        min(Fraction(per_verification, codes), Fraction(1)),
        min(Fraction(per_day, codes), Fraction(1)),
    )


def _max_live_codes(policy: Policy) -> int:
    """Return how many codes of a verification can be live at the same time."""
    codes = policy.max_sends
    # The cooldown after a send is that of the next one, so the shorter one counts.
    if cooldown := min(policy.resend_cooldown, policy.v2_resend_cooldown):
        codes = min(codes, -(-policy.ttl // cooldown))
    if sends := _max_events(policy.sends_per_phone, policy.ttl):
        codes = min(codes, sends)
    return codes


def _max_events(limit: Limit, period: timedelta) -> int | None:
    """Return how many events a limit allows in *period*; None without a limit."""
    return min(
        (
            window.count * -(-period // window.period)
            for window in limit.enforced.windows
        ),
        default=None,
    )


def format_chance(chance: Fraction) -> str:
    """Return *chance* as text, such as `1 in 10,000`."""
    return f"1 in {int(1 / chance):,}"
