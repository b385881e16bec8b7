"""The policy: what operators tune, with a default and a reason for each bound."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from otp_engine import parsing
from otp_engine.domain.limits import durations
from otp_engine.domain.limits.limits import KeyedLimit, Limit, Window

CONSECUTIVE = timedelta(days=30)
"""How long a failed check counts towards `max_consecutive_failures`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How long, how often and how many.

    Attributes:
        code_length: Digits of a code.
        ttl: How long each code can be used.
        max_checks: Guesses at one verification, however many codes it has.
        max_sends: Messages of one verification.
        resend_cooldown: The least time between two messages of one verification.
        sends_per_phone: Messages to one phone, over all its verifications.
        sends_per_ip: Messages asked for from one address.
        sends_per_country: Messages to the numbers of any one country.
        sends_total: Messages altogether.
        failed_checks_per_phone: Wrong guesses at one phone's codes, over all its
            verifications; only a right code clears them (NIST SP 800-63B-4, 3.1.3.2).
        checks_per_ip: Guesses from one address.
        max_consecutive_failures: Failed checks of one phone without a right code
            between them, in 30 days; then no check is accepted (NIST SP 800-63B-4,
            3.2.2).
        failed_checks_total: Failed checks altogether.
        sends_per_key: Sends requested with one API key.
        checks_per_key: Checks requested with one API key.
        auth_failures_per_ip: Requests with a wrong API key from one address that are
            answered with 401.
        sending: Whether codes are sent at all; those that are out can be checked
            either way.
    """

    code_length: int = 6
    ttl: timedelta = timedelta(minutes=10)
    max_checks: int = 5
    max_sends: int = 5
    resend_cooldown: timedelta = timedelta(seconds=30)
    sends_per_phone: Limit = Limit.parse("5/10m, 10/24h")
    sends_per_ip: Limit = Limit.parse("20/10m, 100/24h")
    sends_per_country: Limit = Limit()
    sends_total: Limit = Limit.parse("1000/1h")
    failed_checks_per_phone: Limit = Limit.parse("10/1h")
    checks_per_ip: Limit = Limit.parse("60/1m")
    max_consecutive_failures: int = 100
    failed_checks_total: Limit = Limit()
    sends_per_key: KeyedLimit = KeyedLimit()
    checks_per_key: KeyedLimit = KeyedLimit()
    auth_failures_per_ip: Limit = Limit.parse("20/1m")
    sending: bool = True

    @property
    def consecutive_failures(self) -> Limit:
        """`max_consecutive_failures` as a limit."""
        return _consecutive(self.max_consecutive_failures)

    def checks_allowed(self, *, bound: bool) -> int:
        """Return how many checks a verification accepts.

        A bound verification has a budget of failed checks of its own, as large as
        that of a phone.
        """
        if not bound:
            return self.max_checks
        budgets = [one.count for one in self.failed_checks_per_phone.windows]
        return min(self.max_checks, *budgets)


@cache
def _consecutive(count: int) -> Limit:
    return Limit((Window(count, CONSECUTIVE),))


def _duration_between(least: str, most: str) -> Callable[[str], timedelta]:
    def read(text: str) -> timedelta:
        duration = durations.parse(text)
        if not durations.parse(least) <= duration <= durations.parse(most):
            raise ValueError(f"must be from {least} to {most}: {text!r}")
        return duration

    return read


def _always_enforced(text: str) -> Limit:
    limit = Limit.parse(text)
    if not limit:
        raise ValueError(
            "cannot be off: without it, a new code is a new set of guesses"
        )
    if limit.shadow:
        raise ValueError(
            "cannot be in shadow: what refuses nobody lets everybody guess on"
        )
    return limit


def format_value(value: Any) -> str:  # noqa: ANN401 - whatever a reader gives
    """Write a value of the policy as its reader reads it."""
    match value:
        case bool():
            return "on" if value else "off"
        case timedelta():
            return durations.format_duration(value)
        case _:
            return str(value)


PARSERS: dict[str, Callable[[str], Any]] = {
    # HOTP truncation carries 31 bits, and ten digits is what a person will type.
    "code_length": parsing.integer(4, 10),
    # Twilio Verify's own range ends at 24 h; a carrier needs seconds to deliver.
    "ttl": _duration_between("30s", "24h"),
    # NIST SP 800-63B-4 (3.2.2) ends at 100 consecutive failures.
    "max_checks": parsing.integer(1, 100),
    "max_sends": parsing.integer(1, 100),
    "resend_cooldown": _duration_between("0s", "24h"),
    "sends_per_phone": Limit.parse,
    "sends_per_ip": Limit.parse,
    "sends_per_country": Limit.parse,
    "sends_total": Limit.parse,
    "failed_checks_per_phone": _always_enforced,
    "checks_per_ip": Limit.parse,
    # NIST SP 800-63B-4 (3.2.2): no more than 100 consecutive failures.
    "max_consecutive_failures": parsing.integer(1, 100),
    "failed_checks_total": Limit.parse,
    "sends_per_key": KeyedLimit.parse,
    "checks_per_key": KeyedLimit.parse,
    "auth_failures_per_ip": Limit.parse,
    "sending": parsing.boolean(("on",), ("off",)),
}
"""How each value of the policy is read from text; a `ValueError` says what is wrong."""
