"""`/metrics`: the metrics of all workers of this instance, for Prometheus.

Each instance exposes its own numbers, and the queries add them up. The workers of one
instance share a directory (the multiprocess mode of `prometheus_client`), so any
worker exposes the metrics of all.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable, Iterable, Mapping
from threading import Event, Lock, Thread

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from prometheus_client import CollectorRegistry, disable_created_metrics
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector

from otp_engine.crypto import api_keys
from otp_engine.crypto.api_keys import ApiKey
from otp_engine.domain.models import Channel
from otp_engine.domain.money.budget import BudgetRules
from otp_engine.domain.money.report import Spending
from otp_engine.domain.pumping_guard.listing import ListedPlace
from otp_engine.domain.routing.health import HealthFigures
from otp_engine.domain.routing.steps import Step
from otp_engine.errors import Unauthorized
from otp_engine.ops.budget_metrics import BudgetMetrics
from otp_engine.ops.delivery_metrics import DeliveryMetrics
from otp_engine.ops.event_metrics import EventMetrics
from otp_engine.ops.event_webhook_metrics import (
    PrometheusEventWebhookMetrics,
    PrometheusServiceWebhookMetrics,
)
from otp_engine.ops.factor_metrics import FactorKeyMetrics
from otp_engine.ops.guard_metrics import GuardMetrics
from otp_engine.ops.provider_metrics import ProviderMetrics
from otp_engine.ops.timing_metrics import TimingMetrics

log = logging.getLogger(__name__)


class PrometheusMetrics:
    """All metrics of this process, and their exposition.

    Attributes:
        events: Counters of events; its `on_event` is an event listener.
        timings: Durations.
        event_webhook: Posts of the event webhook.
        service_webhooks: Posts to webhooks of services.
        deliveries: Delivery reports.
    """

    def __init__(
        self,
        directory: str | None = None,
        countries: Iterable[str] = (),
        channels: Iterable[str] = (Channel.SMS,),
    ) -> None:
        """Register all metrics.

        Args:
            directory: The directory that the workers of this instance share. It must
                be the value that `PROMETHEUS_MULTIPROC_DIR` had when
                `prometheus_client` was imported. None counts this process alone.
            countries: ISO 3166-1 codes of the countries that messages can be sent to,
                as far as they are known.
            channels: The channels that the configured providers have.
        """
        # The multiprocess mode does not keep the creation time of a counter.
        disable_created_metrics()
        registry = CollectorRegistry()
        self._countries = tuple(countries)
        self.events = EventMetrics(registry, self._countries, channels)
        self.timings = TimingMetrics(registry)
        self.deliveries = DeliveryMetrics(registry)
        self.event_webhook = PrometheusEventWebhookMetrics(registry)
        self.service_webhooks = PrometheusServiceWebhookMetrics(registry)
        self._exposed = registry
        if directory:
            self._exposed = CollectorRegistry()
            MultiProcessCollector(self._exposed, directory)

    def add_guard(self, read: Callable[[], Iterable[ListedPlace]]) -> GuardMetrics:
        """Expose the gauges of the pumping guard, and return them.

        Args:
            read: Returns the suspended places, and every country with messages.
        """
        guard = GuardMetrics(read, self._countries)
        self._exposed.register(guard)
        return guard

    def add_budget(
        self, read: Callable[[], Spending], rules: Callable[[], BudgetRules]
    ) -> BudgetMetrics:
        """Expose the gauges of the money that messages cost, and return them.

        Args:
            read: Returns the money of all countries.
            rules: Returns the rules of the live budget.
        """
        budget = BudgetMetrics(read, rules)
        self._exposed.register(budget)
        return budget

    def add_providers(
        self, read: Callable[[], Mapping[Step, HealthFigures]], steps: Iterable[Step]
    ) -> ProviderMetrics:
        """Expose the gauges of the health of providers, and return them.

        Args:
            read: Returns the figures of the steps that had messages.
            steps: Every channel with every provider of the settings.
        """
        providers = ProviderMetrics(read, steps)
        self._exposed.register(providers)
        return providers

    def add_factor_key(self, read: Callable[[], bool]) -> FactorKeyMetrics:
        """Expose the gauge of the factor key, and return it.

        Args:
            read: Returns whether the factor key decrypts the data key.
        """
        factor_key = FactorKeyMetrics(read)
        self._exposed.register(factor_key)
        return factor_key

    def render(self, accept: str | None) -> tuple[bytes, str]:
        """Return the metrics in the best format that the client accepts.

        Args:
            accept: The `Accept` header of the request.

        Returns:
            The body and its media type.
        """
        encode, media_type = choose_encoder(accept or "")
        return encode(self._exposed), media_type

    def blueprint(self, key: ApiKey | None, refresh: Callable[[], object]) -> Blueprint:
        """Build the view.

        Args:
            key: The key that a scrape must send as its bearer token; None requires no
                key.
            refresh: Called in the background after each scrape, so that the gauges
                of the policy and of the guard are current in the next one.

        Returns:
            The blueprint `metrics`.
        """
        bp = Blueprint("metrics", __name__)
        refresher = _Refresher(refresh)

        @bp.get("/metrics")
        def metrics() -> ResponseReturnValue:
            if key:
                _require_key(key)
            refresher.request()
            body, media_type = self.render(request.headers.get("Accept"))
            return body, {"Content-Type": media_type}

        return bp


class _Refresher:
    """One background thread that calls a function on request.

    Redis may take longer than a scrape waits. A thread for each scrape would
    accumulate threads while Redis hangs.
    """

    def __init__(self, refresh: Callable[[], object]) -> None:
        self._refresh = refresh
        self._requested = Event()
        self._thread = Thread(target=self._run, name="refresher", daemon=True)
        self._starting = Lock()

    def request(self) -> None:
        """Request a call; requests during a running call cause one more call."""
        with self._starting:
            # Started late, because a forked process does not inherit the thread.
            if not self._thread.ident:
                self._thread.start()
        self._requested.set()

    def _run(self) -> None:
        while self._requested.wait():
            self._requested.clear()
            try:
                self._refresh()
            except Exception:
                log.exception("the gauges were not refreshed")


def _require_key(key: ApiKey) -> None:
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    digest = api_keys.digest(secret.strip())
    if scheme.lower() != "bearer" or not hmac.compare_digest(digest, key.digest):
        raise Unauthorized("The metrics key is required.")
