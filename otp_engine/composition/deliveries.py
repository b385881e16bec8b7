"""How messages leave, and how their delivery is recorded."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from otp_engine.composition.capacity import MAX_CONCURRENT_SENDS
from otp_engine.composition.events import build_listener
from otp_engine.config import Settings
from otp_engine.domain.delivery_recorder import DeliveryRecorder
from otp_engine.domain.messages.delivery_reports import DeliveryReport
from otp_engine.domain.ports import Sender
from otp_engine.errors import StoreUnavailable
from otp_engine.resilience.due_tasks import DueTasks
from otp_engine.senders import build_senders
from otp_engine.senders.console import ConsoleProvider
from otp_engine.senders.provider import Provider
from otp_engine.senders.simulated import SimulatedProvider
from otp_engine.store.provider_health_monitor import ProviderHealthMonitor
from otp_engine.store.redis_store import RedisStore

if TYPE_CHECKING:
    # For the type checker only, for the reason in `metrics.build_metrics`.
    from otp_engine.ops.prometheus import PrometheusMetrics


_SLOW_REPORT = timedelta(seconds=10)
"""Time from a fallback after a silence to the simulated report of a slow message."""


def build_service_senders(
    settings: Settings,
    store: RedisStore,
    metrics: PrometheusMetrics,
    recorder: DeliveryRecorder,
) -> dict[str, Sender]:
    """Return the senders of the settings, by name.

    In dev mode the console can be the simulation of a provider, with reports.

    Args:
        settings: The settings of the operator.
        store: Keeps the messages of dev mode.
        metrics: Measures the providers.
        recorder: Gets the simulated reports, and has the health of providers.
    """

    def report(report: DeliveryReport) -> None:
        with suppress(StoreUnavailable):
            # A store that was emptied in the meantime stays empty.
            if store.inbox.has_message(report.delivery_id or ""):
                recorder.record(report)
                store.inbox.add_status(report)

    def console() -> Provider:
        provider = ConsoleProvider()
        if not settings.inbox:
            return provider
        slow_delay = settings.policy.fallback_after + _SLOW_REPORT
        return SimulatedProvider(
            provider,
            store.inbox.simulated_outcomes,
            report,
            slow_delay=slow_delay.total_seconds(),
        )

    return build_senders(
        settings,
        max_concurrent=MAX_CONCURRENT_SENDS,
        metrics=metrics.timings,
        health=recorder.health,
        console=console,
        on_accepted=store.inbox.add,
    )


def build_recorder(
    settings: Settings,
    store: RedisStore,
    metrics: PrometheusMetrics,
    due: DueTasks,
    monitor: ProviderHealthMonitor,
) -> DeliveryRecorder:
    """Return what records delivery reports.

    Args:
        settings: The settings, with the pepper of the recipients in events.
        store: Stores the deliveries.
        metrics: Counts the reports.
        due: Runs the fallbacks that a report makes due.
        monitor: Measures the health of providers by their reports.
    """
    return DeliveryRecorder(
        store=store.deliveries,
        pepper=settings.peppers[0],
        emit=build_listener(settings, store, metrics.events),
        metrics=metrics.deliveries,
        on_due=lambda: due.due_in(0),
        mark_unreachable=store.mark_channel_unreachable,
        health=monitor,
    )
