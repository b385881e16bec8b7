"""Counters of the engine's events, and gauges of the live policy."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from itertools import product

from prometheus_client import CollectorRegistry, Counter, Gauge

from otp_engine.domain.events import (
    Action,
    BudgetReached,
    CheckFailed,
    CheckNotFound,
    CodeSent,
    Event,
    FactorCheckRefused,
    FactorCheckUnavailable,
    LimitNear,
    MessageDelivered,
    MessageRead,
    MessageUndelivered,
    PlaceSuspended,
    RequestRefused,
    RequestUnavailable,
    SendRejected,
    VerificationApproved,
)
from otp_engine.domain.limits import durations, near_limits
from otp_engine.domain.money import amounts
from otp_engine.domain.money.budget import LEVELS
from otp_engine.domain.phones import countries
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.pumping_guard.places import Level
from otp_engine.ops import labeled_metrics
from otp_engine.ops.factor_metrics import FactorCounters

_RULES = (
    (Action.SEND, "resend_cooldown"),
    (Action.SEND, "max_sends"),
    (Action.SEND, "max_checks"),
    (Action.SEND, "failed_checks_per_phone"),
    (Action.SEND, "country_not_allowed"),
    (Action.SEND, "number_type_not_allowed"),
    (Action.SEND, "call_countries"),
    (Action.SEND, "sending"),
    (Action.SEND, "blocked_networks"),
    (Action.CHECK, "blocked_networks"),
    (Action.SEND, "provider_refusal"),
    (Action.SEND, "max_consecutive_failures"),
    (Action.CHECK, "max_checks"),
    (Action.CHECK, "failed_checks_per_phone"),
    (Action.CHECK, "max_consecutive_failures"),
    (Action.CHECK, "failed_checks_per_factor"),
    (Action.CHECK, "max_factor_tries"),
    (Action.CHECK, "enrollments_per_identity"),
)
_SHADOW_CAPABLE = (
    (Action.SEND, "sends_per_phone"),
    (Action.SEND, "sends_per_ip"),
    (Action.SEND, "sends_per_country"),
    (Action.SEND, "sends_per_prefix"),
    (Action.SEND, "sends_per_channel"),
    (Action.SEND, "sends_per_network"),
    (Action.SEND, "sends_total"),
    (Action.SEND, "sends_per_mailbox"),
    (Action.SEND, "calls_per_phone"),
    (Action.SEND, "calls_per_country"),
    (Action.SEND, "calls_total"),
    (Action.SEND, "budget"),
    (Action.SEND, "budget_country"),
    (Action.SEND, "sends_per_key"),
    (Action.SEND, "vouched_per_key"),
    (Action.SEND, "pumping_guard"),
    (Action.CHECK, "checks_per_ip"),
    (Action.CHECK, "checks_per_key"),
    (Action.CHECK, "failed_checks_total"),
)
_KNOWN = _RULES + _SHADOW_CAPABLE
_CHECK_OUTCOMES = ("approved", "wrong", "not_found", "refused", "unavailable")


class EventMetrics:
    """Counters of events, and gauges of the live policy.

    Known label sets start at 0, because `increase()` ignores the first sample of a
    new series.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        counted: Iterable[str],
        channels: Iterable[str],
    ) -> None:
        """Register the metrics.

        Args:
            registry: Where the metrics are registered.
            counted: ISO 3166-1 codes of the countries that messages can be sent to, as
                far as they are known. Their series start at 0.
            channels: The channels that the configured providers have.
        """
        self._add_message_counters(registry)
        self._add_request_counters(registry)
        self._add_policy_gauges(registry)
        self._factors = FactorCounters(registry)
        self._channels = tuple(channels)
        self._started_countries: set[str] = set()
        self._start_countries(counted)
        self._start_at_zero()

    def _add_message_counters(self, registry: CollectorRegistry) -> None:
        counter = partial(labeled_metrics.build, Counter, registry=registry)
        self._sends = counter(
            "otp_sends",
            "Messages passed to providers, by outcome.",
            ["country", "channel", "outcome"],
        )
        self._spent = counter(
            "otp_spent",
            "Price of the messages that providers accepted or may have accepted.",
            ["country", "channel"],
        )
        self._fallbacks = counter(
            "otp_fallbacks",
            "Messages of a fallback, by the channel that sent them.",
            ["country", "channel"],
        )
        self._deliveries = counter(
            "otp_deliveries",
            "Delivery reports from providers, by outcome.",
            ["country", "channel", "outcome"],
        )
        self._approvals = counter(
            "otp_approvals", "Approved verifications.", ["country", "channel"]
        )

    def _add_request_counters(self, registry: CollectorRegistry) -> None:
        counter = partial(labeled_metrics.build, Counter, registry=registry)
        self._checks = counter("otp_checks", "Checks, by outcome.", ["outcome"])
        self._refusals = counter(
            "otp_refusals", "Requests refused by a rule.", ["action", "limit"]
        )
        self._shadow_refusals = counter(
            "otp_shadow_refusals",
            "Requests that a limit in shadow mode would have refused.",
            ["action", "limit"],
        )
        self._suspensions = counter(
            "otp_guard_suspensions",
            "Suspensions of places by the pumping guard, in shadow mode as well.",
            ["country", "level"],
        )
        self._near_limits = counter(
            "otp_limit_near",
            "Times that the use of a shared limit reached 80 % of a window.",
            ["limit"],
        )
        self._budget_levels = counter(
            "otp_budget_levels",
            "Times that messages reached a percentage of the budget, or of a share.",
            ["level", "scope"],
        )
        self._unavailable = counter(
            "otp_unavailable",
            "Requests that could not be served, by reason.",
            ["action", "reason"],
        )

    def _add_policy_gauges(self, registry: CollectorRegistry) -> None:
        gauge = partial(Gauge, registry=registry, multiprocess_mode="mostrecent")
        self._version = gauge("otp_policy_version", "Version of the live policy.")
        self._sending_enabled = gauge(
            "otp_policy_sending_enabled", "Whether the live policy sends codes."
        )
        self._limit = gauge(
            "otp_policy_limit",
            "Count of a window of a global limit of the live policy.",
            ["limit", "window"],
        )
        self._windows: set[str] = set()
        self._budget = gauge(
            "otp_policy_budget",
            "Money that messages of 24 hours may cost, by the live policy; 0 without.",
        )
        self._policy_rejected = gauge(
            "otp_policy_rejected",
            "Whether the newest policy version in Redis is not signed, or not newer.",
        )

    def _start_countries(self, counted: Iterable[str]) -> None:
        new = set(counted) - self._started_countries
        self._started_countries |= new
        for country in sorted(new):
            for channel in self._channels:
                for outcome in ("accepted", "unconfirmed", "rejected"):
                    self._sends(country, channel, outcome)
                for outcome in ("delivered", "undelivered"):
                    self._deliveries(country, channel, outcome)
                self._approvals(country, channel)
                self._spent(country, channel)
                self._fallbacks(country, channel)
            for level in Level:
                self._suspensions(country, level)

    def _start_at_zero(self) -> None:
        for action, reason in product(Action, ("store", "provider", "overloaded")):
            self._unavailable(action, reason)
        for action, limit in _KNOWN:
            self._refusals(action, limit)
        for action, limit in _SHADOW_CAPABLE:
            self._shadow_refusals(action, limit)
        for limit in near_limits.LIMITS:
            self._near_limits(limit)
        for outcome in _CHECK_OUTCOMES:
            self._checks(outcome)
        for level, scope in product(LEVELS, ("total", "country")):
            self._budget_levels(str(level), scope)

    def set_policy(self, version: int, policy: Policy) -> None:
        """Set the gauges of the live policy.

        Args:
            version: The version that is live; 0 is the policy of the environment.
            policy: Its values.
        """
        self._version.set(version)
        self._sending_enabled.set(bool(policy.sending))
        self._start_countries(countries.counted(policy.allowed_countries))
        counts = {
            durations.format_duration(window.period): window.count
            for window in policy.sends_total.enforced.windows
        }
        # A series cannot be removed from the files that the workers share.
        for window in self._windows | set(counts):
            self._limit.labels("sends_total", window).set(counts.get(window, 0))
        self._windows |= set(counts)
        self._budget.set((policy.budget.amount or 0) / amounts.MICRO)

    def policy_rejected(self, rejected: bool) -> None:  # noqa: FBT001 - a value to set
        """Set whether the newest version in Redis is rejected."""
        self._policy_rejected.set(rejected)

    def on_event(self, event: Event) -> None:
        """Count *event*."""
        match event:
            case CodeSent():
                self._count_send(
                    event, "accepted" if event.confirmed else "unconfirmed"
                )
            case SendRejected():
                self._count_send(event, "rejected")
            case MessageDelivered():
                self._count_delivery(event, "delivered")
            case MessageRead():
                self._count_delivery(event, "read")
            case MessageUndelivered():
                self._count_delivery(event, "undelivered")
            case VerificationApproved():
                self._approvals(event.recipient.country, event.channel).inc()
                self._checks("approved").inc()
            case CheckFailed():
                self._checks("wrong").inc()
            case CheckNotFound():
                self._checks("not_found").inc()
            case _:
                self._count_rare(event)

    def _count_rare(self, event: Event) -> None:
        """Count an event that is about no message and no check that was made."""
        match event:
            case RequestRefused():
                self._count_refusal(event)
            case RequestUnavailable():
                self._count_failure(event)
            case LimitNear():
                self._near_limits(event.limit).inc()
            case BudgetReached(shadow=False):
                scope = "country" if event.country else "total"
                self._budget_levels(str(event.level), scope).inc()
            case PlaceSuspended():
                self._suspensions(event.country, event.level).inc()
            case _:
                self._count_factor(event)

    def _count_factor(self, event: Event) -> None:
        """Count an event of a factor, also where all requests are counted."""
        match event:
            case FactorCheckRefused(shadow=True):
                self._shadow_refusals(Action.CHECK, event.limit).inc()
            case FactorCheckRefused():
                self._refusals(Action.CHECK, event.limit).inc()
            case FactorCheckUnavailable():
                self._unavailable(Action.CHECK, event.reason).inc()
        self._factors.on_event(event)

    def _count_send(self, event: CodeSent | SendRejected, outcome: str) -> None:
        labels = event.recipient.country, event.channel
        self._sends(*labels, outcome).inc()
        if isinstance(event, CodeSent):
            self._spent(*labels).inc(event.facts.price / amounts.MICRO)
            if event.is_fallback:
                self._fallbacks(*labels).inc()

    def _count_delivery(
        self, event: MessageDelivered | MessageRead | MessageUndelivered, outcome: str
    ) -> None:
        self._deliveries(event.recipient.country, event.channel, outcome).inc()

    def _count_refusal(self, event: RequestRefused) -> None:
        counter = self._shadow_refusals if event.shadow else self._refusals
        known = (event.action, event.limit) in _KNOWN
        # Clients can create any number of limits of their own; one label for all of
        # them bounds the number of series.
        counter(event.action, event.limit if known else "client_rate_limit").inc()
        if event.action == Action.CHECK and not event.shadow:
            self._checks("refused").inc()

    def _count_failure(self, event: RequestUnavailable) -> None:
        self._unavailable(event.action, event.reason).inc()
        if event.action == Action.CHECK:
            self._checks("unavailable").inc()
