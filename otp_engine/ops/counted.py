"""What happened, in numbers."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge

from otp_engine.domain.events import (
    Action,
    Approved,
    CodeSent,
    Delivered,
    Event,
    Lost,
    NothingWaiting,
    RequestRefused,
    Undelivered,
    Unserved,
    WrongCode,
)
from otp_engine.domain.policy import Policy
from otp_engine.domain.verification import Channel

_RULES = (
    (Action.SEND, "resend_cooldown"),
    (Action.SEND, "max_sends"),
    (Action.SEND, "max_checks"),
    (Action.SEND, "failed_checks_per_phone"),
    (Action.SEND, "country_not_allowed"),
    (Action.SEND, "number_type_not_allowed"),
    (Action.SEND, "provider_refusal"),
    (Action.SEND, "max_consecutive_failures"),
    (Action.CHECK, "max_checks"),
    (Action.CHECK, "failed_checks_per_phone"),
    (Action.CHECK, "max_consecutive_failures"),
)
# Those that can stand in shadow.
_LIMITS = (
    (Action.SEND, "sends_per_phone"),
    (Action.SEND, "sends_per_ip"),
    (Action.SEND, "sends_per_country"),
    (Action.SEND, "sends_total"),
    (Action.SEND, "sends_per_key"),
    (Action.CHECK, "checks_per_ip"),
    (Action.CHECK, "checks_per_key"),
    (Action.CHECK, "failed_checks_total"),
)
_KNOWN = _RULES + _LIMITS
_OUTCOMES = ("approved", "wrong", "not_found", "refused", "unavailable")


class Counted:
    """Counts each event, and says which policy is live.

    What can be known before is there from the start, at nought: of a number that
    appears with its first event, Prometheus does not see that it grew.
    """

    def __init__(self, registry: CollectorRegistry, countries: Iterable[str]) -> None:
        """Count in *registry*; messages go to *countries*, as far as is known."""
        counter = partial(Counter, registry=registry)
        gauge = partial(Gauge, registry=registry, multiprocess_mode="mostrecent")
        self._sends = counter(
            "otp_sends",
            "Messages that carriers were given, by what came of it.",
            ["country", "channel", "outcome"],
        )
        self._deliveries = counter(
            "otp_deliveries",
            "Messages whose end carriers have reported.",
            ["country", "channel", "outcome"],
        )
        self._approvals = counter(
            "otp_approvals", "Verifications approved.", ["country", "channel"]
        )
        self._checks = counter("otp_checks", "Codes that were typed.", ["outcome"])
        self._refusals = counter(
            "otp_refusals", "Requests that a rule refused.", ["action", "limit"]
        )
        self._shadow_refusals = counter(
            "otp_shadow_refusals",
            "Requests that a limit in shadow would have refused.",
            ["action", "limit"],
        )
        self._unserved = counter(
            "otp_unserved", "Requests that could not be served.", ["action", "why"]
        )
        self._version = gauge("otp_policy_version", "Changes of the policy so far.")
        self._sending = gauge("otp_policy_sending", "Whether codes are sent at all.")
        self._rejected = gauge(
            "otp_policy_rejected",
            "Whether the newest policy version in Redis is not signed, or not newer.",
        )
        self._begin(countries)

    def _begin(self, countries: Iterable[str]) -> None:
        for country in countries:
            for outcome in ("accepted", "unconfirmed", "failed"):
                self._sends.labels(country, Channel.SMS, outcome)
            for outcome in ("delivered", "lost"):
                self._deliveries.labels(country, Channel.SMS, outcome)
            self._approvals.labels(country, Channel.SMS)
        for action in Action:
            for why in ("store", "carrier", "saturated"):
                self._unserved.labels(action, why)
        for action, limit in _KNOWN:
            self._refusals.labels(action, limit)
        for action, limit in _LIMITS:
            self._shadow_refusals.labels(action, limit)
        for outcome in _OUTCOMES:
            self._checks.labels(outcome)

    def policy(self, version: int, policy: Policy) -> None:
        """Say which *version* is live."""
        self._version.set(version)
        self._sending.set(policy.sending)

    def policy_rejected(self, rejected: bool) -> None:  # noqa: FBT001 - a value to set
        """Report whether the newest version in Redis is refused."""
        self._rejected.set(rejected)

    def watch(self, event: Event) -> None:
        """Count *event*."""
        match event:
            case CodeSent():
                outcome = "accepted" if event.confirmed else "unconfirmed"
                self._sends.labels(event.whom.country, event.channel, outcome).inc()
            case Undelivered():
                self._sends.labels(event.whom.country, event.channel, "failed").inc()
            case Delivered() | Lost():
                outcome = "delivered" if isinstance(event, Delivered) else "lost"
                self._deliveries.labels(
                    event.whom.country, event.channel, outcome
                ).inc()
            case Approved():
                self._approvals.labels(event.whom.country, event.channel).inc()
                self._checks.labels("approved").inc()
            case WrongCode():
                self._checks.labels("wrong").inc()
            case NothingWaiting():
                self._checks.labels("not_found").inc()
            case RequestRefused():
                self._refused(event)
            case Unserved():
                self._not_served(event)

    def _refused(self, event: RequestRefused) -> None:
        counter = self._shadow_refusals if event.shadow else self._refusals
        known = (event.action, event.limit) in _KNOWN
        # Callers can make limits of their own without end.
        counter.labels(event.action, event.limit if known else "callers_own").inc()
        if event.action == Action.CHECK and not event.shadow:
            self._checks.labels("refused").inc()

    def _not_served(self, event: Unserved) -> None:
        self._unserved.labels(event.action, event.why).inc()
        if event.action == Action.CHECK:
            self._checks.labels("unavailable").inc()
