"""The policy: the settings that operators change while the service runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from typing import Any

from otp_engine import parsing
from otp_engine.domain.limits import durations, names
from otp_engine.domain.limits.limits import Limit, Window
from otp_engine.domain.limits.limits_by_name import LimitByName
from otp_engine.domain.limits.networks import NetworkSet
from otp_engine.domain.money.budget import Budget, BudgetRules, rules_for
from otp_engine.domain.phones import countries
from otp_engine.domain.phones.destination_sets import DestinationSet
from otp_engine.domain.policy import guard_values
from otp_engine.domain.policy.by_country import ByCountry
from otp_engine.domain.policy.switches import Switches
from otp_engine.domain.pumping_guard.rules import GuardMode, GuardRules
from otp_engine.domain.routing.routes import Routes

CONSECUTIVE_FAILURES_PERIOD = timedelta(days=30)
"""Time that a failed check counts towards `max_consecutive_failures`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The values of one policy.

    Attributes:
        code_length: Digits of a code.
        ttl: Time that each code can be used.
        max_checks: Checks of one verification, over all its codes.
        max_sends: Sends of one verification.
        resend_cooldown: The least time between two sends of one verification. The
            second one is a send through `/auth` or the page `/verify`.
        v2_resend_cooldown: The same, if the second one is a send through `/v2`. Twilio
            Verify has no such rule, and programs that were written for it fail on one.
        sends_per_phone: Sends to one phone, over all its verifications.
        sends_per_ip: Sends requested from one client IP.
        sends_per_country: Sends to the numbers of one country, for each country.
        sends_per_prefix: Sends to the numbers with one prefix, for named prefixes.
        sends_per_channel: Sends through one channel, for each channel.
        sends_total: All sends.
        failed_checks_per_phone: Failed checks of one phone, over all its verifications;
            only a right code clears them (NIST SP 800-63B-4, 3.1.3.2).
        checks_per_ip: Checks from one client IP.
        max_consecutive_failures: Failed checks of one phone or of one factor without
            a right code between them, in 30 days; then no check is accepted (NIST SP
            800-63B-4, 3.2.2).
        failed_checks_per_factor: Failed checks of one verified factor; only a right
            code clears them.
        failed_checks_total: All failed checks.
        sends_per_network: Sends requested from one network of client IPs, for named
            networks.
        sends_per_key: Sends requested with one API key.
        checks_per_key: Checks requested with one API key.
        auth_failures_per_ip: Requests with a wrong API key from one address that are
            answered with 401.
        blocked_networks: Networks of client IPs that can neither send nor check.
        allowed_countries: ISO 3166 codes of the countries of recipients, or `*`.
        sending: Whether codes are sent, also by country, prefix, channel and API key.
            Live codes can be checked in either case.
        guard: Whether the pumping guard counts messages, and whether it refuses.
        guard_block: Unproven messages that a block may have.
        guard_strict: Those of a block without a past, under pressure.
        guard_pressure: Unproven messages that put a network or a country under
            pressure.
        guard_wide: Unproven messages that close a network or a country.
        guard_conversion: The share of messages that is usually typed in at least.
        guard_exempt: Destinations that the pumping guard neither counts nor refuses.
        vouched_per_key: Sends that one API key vouches for.
        budget: The money that all messages of any 24 hours may cost.
        slow_after: The time after which a message without a report of its arrival
            counts as late in the health of its provider.
        routes: The channels and providers of messages, by destination.
        call_countries: ISO 3166 codes of the countries that calls are made to, or `*`.
        calls_per_phone: Calls to one phone.
        calls_per_country: Calls to the numbers of one country, for each country.
        calls_total: All calls.
        fallback_after: Time without a delivery report until the next step of the route
            sends a code; 0 means that only a report of a failure does.
    """

    code_length: int = 6
    ttl: timedelta = timedelta(minutes=10)
    max_checks: int = 5
    max_sends: int = 5
    resend_cooldown: timedelta = timedelta(seconds=30)
    v2_resend_cooldown: timedelta = timedelta()
    sends_per_phone: Limit = Limit.parse("5/10m, 10/24h")
    sends_per_ip: Limit = Limit.parse("20/10m, 100/24h")
    sends_per_country: LimitByName = LimitByName()
    sends_per_prefix: LimitByName = LimitByName()
    sends_per_channel: LimitByName = LimitByName()
    sends_total: Limit = Limit.parse("1000/1h")
    failed_checks_per_phone: Limit = Limit.parse("10/1h")
    checks_per_ip: Limit = Limit.parse("60/1m")
    max_consecutive_failures: int = 100
    failed_checks_per_factor: Limit = Limit.parse("10/1h")
    failed_checks_total: Limit = Limit()
    sends_per_network: LimitByName = LimitByName()
    sends_per_key: LimitByName = LimitByName()
    checks_per_key: LimitByName = LimitByName()
    auth_failures_per_ip: Limit = Limit.parse("20/1m")
    blocked_networks: NetworkSet = NetworkSet()
    allowed_countries: frozenset[str] = frozenset({"IN"})
    sending: Switches = Switches()
    guard: ByCountry[GuardMode] = ByCountry(GuardMode.SHADOW)
    guard_block: ByCountry[int] = ByCountry(10)
    guard_strict: ByCountry[int] = ByCountry(3)
    guard_pressure: ByCountry[int | None] = ByCountry(10)
    guard_wide: ByCountry[int | None] = ByCountry(40)
    guard_conversion: ByCountry[float] = ByCountry(0.4)
    guard_exempt: DestinationSet = DestinationSet()
    vouched_per_key: LimitByName = LimitByName(Limit.parse("100/24h"))
    budget: Budget = Budget()
    slow_after: timedelta = timedelta(seconds=60)
    routes: Routes = Routes()
    call_countries: frozenset[str] = frozenset({"IN"})
    calls_per_phone: Limit = Limit.parse("2/10m, 5/24h")
    calls_per_country: LimitByName = LimitByName(Limit.parse("20/1h"))
    calls_total: Limit = Limit.parse("1/1s, 100/1h")
    fallback_after: timedelta = timedelta(seconds=20)

    def budget_rules(self, currency: str) -> BudgetRules:
        """Return the rules of the budget.

        Args:
            currency: The currency of the prices.
        """
        is_any = "*" in self.allowed_countries
        count = None if is_any else len(self.allowed_countries)
        return rules_for(self.budget, currency=currency, countries=count)

    def guard_rules(self, country: str) -> GuardRules:
        """Return the rules of the pumping guard for a country; off without one."""
        return guard_values.rules(
            country,
            mode=self.guard,
            block=self.guard_block,
            strict=self.guard_strict,
            pressure=self.guard_pressure,
            wide=self.guard_wide,
            conversion=self.guard_conversion,
        )

    @property
    def consecutive_failures(self) -> Limit:
        """The limit that `max_consecutive_failures` sets."""
        return _consecutive(self.max_consecutive_failures)

    @property
    def for_v2(self) -> Policy:
        """The policy as sends through `/v2` have it, with their own cooldown."""
        if found := _for_v2.get(id(self)):
            return found[1]
        if len(_for_v2) >= _MAX_VARIANTS:
            _for_v2.clear()
        variant = replace(self, resend_cooldown=self.v2_resend_cooldown)
        _for_v2[id(self)] = (self, variant)
        return variant

    def checks_allowed(self, *, bound: bool) -> int:
        """Return how many checks a verification accepts.

        Args:
            bound: Whether it is a bound verification, which has its own budget of
                failed checks. The budget is as large as that of a phone.
        """
        if not bound:
            return self.max_checks
        budgets = [window.count for window in self.failed_checks_per_phone.windows]
        return min(self.max_checks, *budgets)


@cache
def _consecutive(count: int) -> Limit:
    return Limit((Window(count, CONSECUTIVE_FAILURES_PERIOD),))


# By identity, because the hash of a policy with 10,000 names takes milliseconds. Each
# variant keeps its policy, so that no other object gets the same identity.
_for_v2: dict[int, tuple[Policy, Policy]] = {}
_MAX_VARIANTS = 8  # there is one policy in force, and a variant for sandbox numbers


def _duration_between(minimum: str, maximum: str) -> Callable[[str], timedelta]:
    def parse(text: str) -> timedelta:
        duration = durations.parse(text)
        if not durations.parse(minimum) <= duration <= durations.parse(maximum):
            raise ValueError(f"must be from {minimum} to {maximum}: {text!r}")
        return duration

    return parse


def _always_enforced(text: str) -> Limit:
    limit = Limit.parse(text)
    if not limit:
        raise ValueError("cannot be off: without it, every code could be tried")
    if limit.shadow:
        raise ValueError("cannot be in shadow mode: it would allow unlimited checks")
    return limit


def format_value(value: Any) -> str:  # noqa: ANN401 - any value of the policy
    """Return a value of the policy as text that its parser accepts."""
    match value:
        case frozenset():
            return ", ".join(sorted(value))
        case timedelta():
            return durations.format_duration(value)
        case _:
            return str(value)


PARSERS: dict[str, Callable[[str], Any]] = {
    # Ten digits are as many as people are willing to enter.
    "code_length": parsing.integer(4, 10),
    # Twilio Verify's range ends at 24 h. Delivery of a message takes seconds.
    "ttl": _duration_between("30s", "24h"),
    # NIST SP 800-63B-4 (3.2.2) ends at 100 consecutive failures.
    "max_checks": parsing.integer(1, 100),
    "max_sends": parsing.integer(1, 100),
    "resend_cooldown": _duration_between("0s", "24h"),
    "v2_resend_cooldown": _duration_between("0s", "24h"),
    "sends_per_phone": Limit.parse,
    "sends_per_ip": Limit.parse,
    "sends_per_country": LimitByName.parser(names.COUNTRY),
    "sends_per_prefix": LimitByName.parser(names.PREFIX),
    "sends_per_channel": LimitByName.parser(names.CHANNEL),
    "sends_total": Limit.parse,
    "failed_checks_per_phone": _always_enforced,
    "checks_per_ip": Limit.parse,
    # NIST SP 800-63B-4 (3.2.2): no more than 100 consecutive failures.
    "max_consecutive_failures": parsing.integer(1, 100),
    "failed_checks_per_factor": _always_enforced,
    "failed_checks_total": Limit.parse,
    "sends_per_network": LimitByName.parser(names.NETWORK),
    "sends_per_key": LimitByName.parser(names.KEY),
    "checks_per_key": LimitByName.parser(names.KEY),
    "auth_failures_per_ip": Limit.parse,
    "blocked_networks": NetworkSet.parse,
    "allowed_countries": countries.parse_allowed,
    "sending": Switches.parse,
    "guard": guard_values.parse_mode,
    "guard_block": guard_values.parse_block,
    "guard_strict": guard_values.parse_block,
    "guard_pressure": guard_values.parse_wide,
    "guard_wide": guard_values.parse_wide,
    "guard_conversion": guard_values.parse_conversion,
    "guard_exempt": DestinationSet.parse,
    "vouched_per_key": LimitByName.parser(names.KEY),
    "budget": Budget.parse,
    "slow_after": _duration_between("5s", "10m"),
    "routes": Routes.parse,
    "call_countries": countries.parse_allowed,
    "calls_per_phone": Limit.parse,
    "calls_per_country": LimitByName.parser(names.COUNTRY),
    "calls_total": Limit.parse,
    "fallback_after": _duration_between("0s", "10m"),
}
"""Parsers of the values of the policy, by name. They raise `ValueError`."""
