"""Metrics of delivery reports."""

from __future__ import annotations

from datetime import timedelta

from prometheus_client import CollectorRegistry, Counter, Histogram

from otp_engine.domain.messages.delivery_reports import DeliveryReport
from otp_engine.ops import labeled_metrics

_BUCKETS = (0.5, 1, 2, 3, 5, 8, 12, 20, 30, 45, 60, 120, 300, 600)


class DeliveryMetrics:
    """Counters of delivery reports, and the time that messages take.

    Implements `domain.delivery_recorder.DeliveryMetrics`.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the metrics in *registry*."""
        self._reports = labeled_metrics.build(
            Counter,
            "otp_delivery_reports",
            "Delivery reports with a new status.",
            ["provider", "channel", "status"],
            registry=registry,
        )
        self._unknown = labeled_metrics.build(
            Counter,
            "otp_unknown_delivery_reports",
            "Delivery reports on a delivery that is not stored: another system has sent"
            " the message, the report is late, or it arrived before the delivery was"
            " stored.",
            ["provider"],
            registry=registry,
        )
        self._delivered = labeled_metrics.build(
            Histogram,
            "otp_delivery_duration_seconds",
            "Time between the hand-over of a message and its arrival.",
            ["provider", "channel"],
            buckets=_BUCKETS,
            registry=registry,
        )

    def count_report(self, report: DeliveryReport) -> None:
        """Count a report with a new status."""
        self._reports(report.provider, report.channel, report.status).inc()

    def count_unknown_report(self, report: DeliveryReport) -> None:
        """Count a report on a delivery that is not stored."""
        self._unknown(report.provider).inc()

    def observe_delivered(self, report: DeliveryReport, elapsed: timedelta) -> None:
        """Record the time between the hand-over of a message and its arrival."""
        seconds = elapsed.total_seconds()
        self._delivered(report.provider, report.channel).observe(seconds)
