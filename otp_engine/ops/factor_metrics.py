"""Counters of the events of factors, and the gauge of the factor key."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from time import monotonic

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from otp_engine.domain.events import (
    ChallengeApproved,
    Event,
    FactorApproved,
    FactorCheckFailed,
    FactorCheckRefused,
    FactorCheckUnavailable,
    FactorCreated,
    FactorDeleted,
    FactorVerified,
)
from otp_engine.errors import StoreUnavailable
from otp_engine.ops import labeled_metrics

_REFRESH_INTERVAL = 30.0  # seconds
_OUTCOMES = ("approved", "wrong", "refused", "unavailable")
_CHANGES = ("created", "verified", "deleted")


class FactorCounters:
    """Counters of the events of factors. Known label sets start at 0."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the counters.

        Args:
            registry: Where they are registered.
        """
        counter = partial(labeled_metrics.build, Counter, registry=registry)
        self._checks = counter(
            "otp_factor_checks",
            "Checks of authenticator apps, by outcome.",
            ["outcome"],
        )
        self._changes = counter(
            "otp_factor_changes",
            "Authenticator apps that were created, verified or deleted.",
            ["change"],
        )
        self._lockouts = Counter(
            "otp_factor_lockouts",
            "Authenticator apps that used up their failed checks.",
            registry=registry,
        )
        self._recovery_codes = Counter(
            "otp_recovery_codes_used",
            "Recovery codes that were used.",
            registry=registry,
        )
        for outcome in _OUTCOMES:
            self._checks(outcome)
        for change in _CHANGES:
            self._changes(change)

    def on_event(self, event: Event) -> None:
        """Count *event*, if it is one of a factor."""
        match event:
            case FactorApproved() | ChallengeApproved():
                self._checks("approved").inc()
                if isinstance(event, FactorApproved) and event.method != "totp":
                    self._recovery_codes.inc()
            case FactorCheckFailed():
                self._checks("wrong").inc()
                if not event.attempts_remaining:
                    self._lockouts.inc()
            case FactorCheckRefused(shadow=False):
                self._checks("refused").inc()
            case FactorCheckUnavailable():
                self._checks("unavailable").inc()
            case FactorVerified():
                self._checks("approved").inc()
                self._changes("verified").inc()
            case FactorCreated():
                self._changes("created").inc()
            case FactorDeleted():
                self._changes("deleted").inc()


class FactorKeyMetrics(Collector):
    """Whether the factor key decrypts the data key, as last read.

    A scrape does not wait for Redis: it gets the value of the last refresh.
    """

    def __init__(
        self, read: Callable[[], bool], clock: Callable[[], float] = monotonic
    ) -> None:
        """Start without a value.

        Args:
            read: Returns whether the factor key decrypts the stored data key, or there
                is none yet.
            clock: Returns monotonic seconds.
        """
        self._read = read
        self._clock = clock
        self._next_refresh = -math.inf
        self._is_usable: bool | None = None

    def refresh(self) -> None:
        """Read the data key, unless the last value is less than 30 seconds old.

        Without a reply of Redis the last value stays.
        """
        if self._clock() < self._next_refresh:
            return
        with suppress(StoreUnavailable):
            self._is_usable = self._read()
            self._next_refresh = self._clock() + _REFRESH_INTERVAL

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the metric; see `Collector`."""
        usable = GaugeMetricFamily(
            "otp_factor_key_usable",
            "Whether the factor key decrypts the data key in Redis.",
        )
        if self._is_usable is not None:
            usable.add_metric([], self._is_usable)
        yield usable
