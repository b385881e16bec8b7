"""Metrics of the event webhook, and of the webhooks of services."""

from __future__ import annotations

import re
from datetime import timedelta

from prometheus_client import CollectorRegistry, Counter, Gauge

from otp_engine.domain.event_webhook.posts import ACCEPTED, DROPPED

_STATUS_CLASS = re.compile(r"status ([1-9])[0-9]{2}", re.ASCII)


class PrometheusEventWebhookMetrics:
    """Counts posts; implements `domain.event_webhook.posts.EventWebhookMetrics`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the metrics in *registry*."""
        self._posts = Counter(
            "otp_event_webhook_posts",
            "Posts of the event webhook: accepted, the class of another status, or"
            " no_answer.",
            ["outcome"],
            registry=registry,
        )
        for outcome in (ACCEPTED, "no_answer"):
            self._posts.labels(outcome)
        self._delay = Gauge(
            "otp_event_webhook_delay_seconds",
            "Age of the oldest event that the receiver has not accepted.",
            registry=registry,
            # Only the worker that posts sets it.
            multiprocess_mode="mostrecent",
        )

    def count_post(self, outcome: str) -> None:
        """Count a post by its outcome; see `EventWebhookMetrics`."""
        self._posts.labels(_label(outcome)).inc()

    def set_delay(self, delay: timedelta) -> None:
        """Set the age of the oldest event that waits; see `EventWebhookMetrics`."""
        self._delay.set(delay.total_seconds())


class PrometheusServiceWebhookMetrics:
    """Counts posts; implements `senders.service_webhooks.ServiceWebhookMetrics`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the metric in *registry*."""
        self._posts = Counter(
            "otp_service_webhook_posts",
            "Posts to webhooks of services: accepted, the class of another status or"
            " no_answer; and dropped for each notice that no further attempt follows.",
            ["outcome"],
            registry=registry,
        )
        for outcome in (ACCEPTED, "no_answer", DROPPED):
            self._posts.labels(outcome)

    def count_post(self, outcome: str) -> None:
        """Count an attempt by its outcome; see `ServiceWebhookMetrics`."""
        self._posts.labels(outcome if outcome == DROPPED else _label(outcome)).inc()


def _label(outcome: str) -> str:
    """Return the label of the outcome of a post."""
    if outcome == ACCEPTED:
        return outcome
    if status := _STATUS_CLASS.fullmatch(outcome):
        return f"{status[1]}xx"
    return "no_answer"
