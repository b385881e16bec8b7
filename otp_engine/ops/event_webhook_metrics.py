"""Metrics of the event webhook."""

from __future__ import annotations

import re
from datetime import timedelta

from prometheus_client import CollectorRegistry, Counter, Gauge

from otp_engine.domain.event_webhook.posts import ACCEPTED

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
        if outcome == ACCEPTED:
            label = outcome
        elif status := _STATUS_CLASS.fullmatch(outcome):
            label = f"{status[1]}xx"
        else:
            label = "no_answer"
        self._posts.labels(label).inc()

    def set_delay(self, delay: timedelta) -> None:
        """Set the age of the oldest event that waits; see `EventWebhookMetrics`."""
        self._delay.set(delay.total_seconds())
