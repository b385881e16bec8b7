"""The rules of a proposed policy that stored events can replay."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache, partial
from typing import Any

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.channels import Channel
from otp_engine.domain.limits import ip_networks
from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.limits.limits_by_name import LimitByName
from otp_engine.domain.money.charges import BUDGET, BUDGET_COUNTRY
from otp_engine.domain.phones import numbering_plans
from otp_engine.domain.phones.numbers import COUNTRY_WILDCARD, GLOBAL_NETWORK
from otp_engine.domain.policy.policy import PARSERS, Policy
from otp_engine.domain.pumping_guard.rules import GuardMode, GuardRules
from otp_engine.domain.replay.budget import BudgetRule
from otp_engine.domain.replay.guard import GuardRule
from otp_engine.domain.replay.pseudonyms import (
    NetworkFinder,
    PrefixFinder,
    TooManyHashes,
)
from otp_engine.domain.replay.rules import (
    Hits,
    Rule,
    SwitchRule,
    WindowRule,
    Windows,
)
from otp_engine.domain.replay.sends import STEPS, RecordedSend, Step, step_of

_MILLISECOND = timedelta(milliseconds=1)
_GUARD_MEMORY = timedelta(days=1)
"""Half-life of an unproven message."""
_BUDGET_MEMORY = timedelta(days=8)
"""The days that a usual day is of, and the first one, which is not whole."""
_BUDGET_NOTE = (
    "the money of a send is the price of its event, and shares and blocks with a past"
    " are those of the stored events: days without them make a share smaller"
)

_LIMITS = (
    "sends_per_ip",
    "sends_per_network",
    "sends_per_key",
    "sends_per_phone",
    "sends_per_country",
    "sends_per_prefix",
    "sends_per_channel",
    "sends_total",
    "calls_per_phone",
    "calls_per_country",
    "calls_total",
    "vouched_per_key",
)
"""The limits that can be replayed."""

_SWITCHES = ("allowed_countries", "blocked_networks", "sending")
"""The values that refuse a send before any limit counts it."""

_CHECKS = "the events of checks do not have the time of their count"
_VERIFICATION = "it would change which later sends belong to one verification"
REASONS: Mapping[str, str] = {
    "call_countries": "a message can take another step of its route instead",
    "auth_failures_per_ip": "requests with a wrong API key have no events",
    "checks_per_ip": _CHECKS,
    "checks_per_key": _CHECKS,
    "code_length": "it refuses no send",
    "failed_checks_per_factor": _CHECKS,
    "failed_checks_per_phone": _CHECKS,
    "failed_checks_total": _CHECKS,
    "max_checks": _CHECKS,
    "max_consecutive_failures": _CHECKS,
    "max_sends": _VERIFICATION,
    "fallback_after": "it refuses no send",
    "resend_cooldown": _VERIFICATION,
    "routes": "it refuses no send",
    "slow_after": "it refuses no send",
    "ttl": "it refuses no send",
    "v2_resend_cooldown": _VERIFICATION,
}
"""Why a value cannot be replayed."""


class NotReplayable(Exception):
    """Stored events cannot decide what a proposed value would have refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Proposed values of a policy, as the rules of a replay.

    Attributes:
        rules: The rules.
        ttl_ms: Lifetime of a code in milliseconds.
        memory: Time before a send of which the decision depends on earlier ones.
        notes: Sentences about what the replay leaves out.
    """

    rules: Sequence[Rule]
    ttl_ms: int
    memory: timedelta
    notes: Sequence[str] = field(default=())

    @property
    def refusals(self) -> Collection[str] | None:
        """The rules that decide with or after those of the replay; None for all."""
        first = min(rule.step for rule in self.rules)
        if first <= Step.REQUESTER:
            # A client's own limits can have any name.
            return None
        later = {name for name, step in STEPS.items() if step > first}
        names = {rule.name for rule in self.rules}
        return later | names | ({BUDGET_COUNTRY} if BUDGET in names else set())

    @classmethod
    def of(
        cls, texts: Mapping[str, str], policy: Policy, peppers: Sequence[Pepper]
    ) -> Proposal:
        """Return the rules of proposed values.

        Args:
            texts: The values as text, by name; valid ones.
            policy: The live policy, which has the values that are not proposed.
            peppers: The peppers that hashed the stored identifiers.

        Raises:
            NotReplayable: Events have too little for one of the values.
        """
        values: dict[str, Any] = {name: PARSERS[name](texts[name]) for name in texts}
        policy = replace(policy, **values)
        builder = _Builder(policy, peppers)
        rules: list[Rule] = []
        try:
            has_guard = any(map(_is_guard, texts))
            if has_guard or BUDGET in texts:
                guard = builder.guard(is_enforced=has_guard)
                rules.append(guard)
                if BUDGET in texts:
                    rules.append(builder.budget(guard))
            others = [name for name in texts if not _is_guard(name) and name != BUDGET]
            rules += map(builder.rule, others)
        except TooManyHashes as problem:
            raise NotReplayable(f"cannot be replayed: {problem}") from None
        return cls(
            rules=rules,
            ttl_ms=policy.ttl // _MILLISECOND,
            memory=max([_memory(name, values[name]) for name in texts]),
            notes=builder.notes,
        )


def is_replayable(name: str) -> bool:
    """Return whether stored events can decide on a value of the policy."""
    return _is_guard(name) or name in _LIMITS or name in _SWITCHES or name == BUDGET


def _is_guard(name: str) -> bool:
    return name == "guard" or name.startswith("guard_")


def _memory(name: str, value: Any) -> timedelta:  # noqa: ANN401 - any value of the policy
    if _is_guard(name):
        return _GUARD_MEMORY
    if name == BUDGET:
        return _BUDGET_MEMORY
    limits: Collection[Limit] = ()
    if isinstance(value, Limit):
        limits = [value]
    elif isinstance(value, LimitByName):
        limits = value.limits
    periods = [window.period for limit in limits for window in limit.windows]
    return max(periods, default=timedelta())


@dataclass(slots=True)
class _Builder:
    """Builds the rules of a policy.

    Attributes:
        policy: The proposed policy.
        peppers: The peppers that hashed the stored identifiers.
        notes: See `Proposal`.
    """

    policy: Policy
    peppers: Sequence[Pepper]
    notes: list[str] = field(default_factory=list)

    def guard(self, *, is_enforced: bool) -> GuardRule:
        """Return the pumping guard; in shadow mode it is replayed as if it were on.

        Args:
            is_enforced: Whether it refuses.
        """
        policy, exempt = self.policy, self.policy.guard_exempt
        finder = PrefixFinder(map(str, exempt.prefixes), self.peppers)

        @cache
        def rules_for(country: str) -> GuardRules:
            rules = policy.guard_rules(country)
            return rules if rules.is_off else replace(rules, mode=GuardMode.ON)

        return GuardRule(
            # Without a name, sends that the guard refused in the record stay refused.
            name="pumping_guard" if is_enforced else "",
            is_enforced=is_enforced,
            rules_for=rules_for,
            is_exempt=lambda send: (
                send.recipient.country in exempt.countries
                or bool(finder.matching(send))
            ),
        )

    def budget(self, guard: GuardRule) -> Rule:
        """Return the budget, which decides after the *guard*."""
        self.notes.append(_BUDGET_NOTE)
        rules = replace(self.policy.budget_rules(currency=""), shadow=False)
        return BudgetRule(rules=rules, guard=guard)

    def rule(self, name: str) -> Rule:
        """Return the rule of a value."""
        match name:
            case "allowed_countries":
                return self._allowed_countries()
            case "blocked_networks":
                return self._blocked_networks()
            case "sending":
                return self._sending()
        hits: Mapping[str, Callable[[], Hits]] = {
            "sends_per_ip": self._per_ip,
            "sends_per_network": self._per_network,
            "sends_per_key": self._per_key,
            "sends_per_phone": self._per_phone,
            "sends_per_country": self._per_country,
            "sends_per_prefix": self._per_prefix,
            "sends_per_channel": self._per_channel,
            "sends_total": self._total,
            "calls_per_phone": partial(self._of_calls, self._calls_per_phone),
            "calls_per_country": partial(self._of_calls, self._calls_per_country),
            "calls_total": partial(self._of_calls, self._calls_total),
            "vouched_per_key": self._vouched_per_key,
        }
        if name not in hits:
            raise NotReplayable(f"{name} cannot be replayed: {REASONS[name]}")
        return WindowRule(name=name, step=step_of(name), hits=hits[name]())

    def _allowed_countries(self) -> Rule:
        allowed = self.policy.allowed_countries
        self.notes += [
            f"numbers of {code} count under {main}, and are refused here"
            for code in sorted(allowed - {COUNTRY_WILDCARD})
            if (main := numbering_plans.main_country(code)) not in allowed
        ]

        def is_off(send: RecordedSend) -> bool:
            country = send.recipient.country
            # An e-mail address belongs to no country.
            if not country:
                return False
            if COUNTRY_WILDCARD in allowed and country != GLOBAL_NETWORK:
                return False
            return country not in allowed

        return SwitchRule(name="country_not_allowed", is_off=is_off)

    def _blocked_networks(self) -> Rule:
        finder = NetworkFinder(self.policy.blocked_networks.names, self.peppers)
        return SwitchRule(
            name="blocked_networks", is_off=lambda send: bool(finder.matching(send))
        )

    def _sending(self) -> Rule:
        switches = self.policy.sending
        names = [name for name, _ in switches.by_name if name.startswith("+")]
        finder = PrefixFinder(names, self.peppers)

        def is_off(send: RecordedSend) -> bool:
            off = switches.find_off_among(
                country=send.recipient.country,
                prefixes=finder.matching(send),
                channel=send.channel,
                client_name=send.facts.client_name,
            )
            return off is not None

        return SwitchRule(name="sending", is_off=is_off)

    def _per_ip(self) -> Hits:
        limit = self.policy.sends_per_ip
        limits = [limit, *map(limit.times, ip_networks.WIDER_FACTORS)]

        def hits(send: RecordedSend) -> list[tuple[str, Windows]]:
            networks = [send.recipient.ip_hash, *send.facts.ip_networks]
            # An IPv4 address has no wider networks.
            return _hits(zip(networks, limits, strict=False))

        return hits

    def _per_network(self) -> Hits:
        by_name = self.policy.sends_per_network
        finder = NetworkFinder(_limited(by_name), self.peppers)
        return lambda send: _hits_by_name(by_name, finder.matching(send))

    def _per_key(self) -> Hits:
        by_name = self.policy.sends_per_key

        def hits(send: RecordedSend) -> list[tuple[str, Windows]]:
            client = send.facts.client_name
            return _hits_by_name(by_name, [client] if client else [])

        return hits

    def _vouched_per_key(self) -> Hits:
        by_name = self.policy.vouched_per_key

        def hits(send: RecordedSend) -> list[tuple[str, Windows]]:
            client = send.facts.client_name
            vouched = [client] if client and send.facts.vouched else []
            return _hits_by_name(by_name, vouched)

        return hits

    def _per_phone(self) -> Hits:
        limit = self.policy.sends_per_phone
        return lambda send: _hits([(send.recipient.phone_hash, limit)])

    def _per_country(self) -> Hits:
        by_name = self.policy.sends_per_country
        return lambda send: _hits_by_name(
            by_name, [send.recipient.country] if send.recipient.country else []
        )

    def _per_prefix(self) -> Hits:
        by_name = self.policy.sends_per_prefix
        finder = PrefixFinder(_limited(by_name), self.peppers)
        return lambda send: _hits_by_name(by_name, finder.matching(send))

    def _per_channel(self) -> Hits:
        by_name = self.policy.sends_per_channel
        return lambda send: _hits_by_name(by_name, [str(send.channel)])

    def _of_calls(self, build: Callable[[], Hits]) -> Hits:
        """Return the hits of a limit that counts calls only."""
        hits = build()
        return lambda send: hits(send) if send.channel is Channel.CALL else []

    def _calls_per_phone(self) -> Hits:
        limit = self.policy.calls_per_phone
        return lambda send: _hits([(send.recipient.phone_hash, limit)])

    def _calls_per_country(self) -> Hits:
        by_name = self.policy.calls_per_country
        return lambda send: _hits_by_name(by_name, [send.recipient.country])

    def _calls_total(self) -> Hits:
        limit = self.policy.calls_total
        return lambda _: _hits([("", limit)])

    def _total(self) -> Hits:
        limit = self.policy.sends_total
        return lambda _: _hits([("", limit)])


@cache
def _windows_of(limit: Limit) -> Windows:
    """Return the windows of a limit; those in shadow mode are as enforced ones."""
    return tuple((w.count, w.period // _MILLISECOND) for w in limit.windows)


def _hits(limits: Iterable[tuple[str | None, Limit]]) -> list[tuple[str, Windows]]:
    return [
        (identifier, windows)
        for identifier, limit in limits
        if identifier is not None and (windows := _windows_of(limit))
    ]


def _hits_by_name(
    by_name: LimitByName, names: Iterable[str]
) -> list[tuple[str, Windows]]:
    return _hits((name, by_name.for_name(name)) for name in names)


def _limited(by_name: LimitByName) -> list[str]:
    return [name for name, limit in by_name.by_name if limit]
