"""An instance that tracks its deliveries and runs fallbacks when a test requests it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from otp_engine.domain.delivery_recorder import DeliveryRecorder
from otp_engine.domain.engine import Engine
from otp_engine.domain.events import Event
from otp_engine.domain.fallback_plans import FallbackPlan
from otp_engine.domain.fallbacks import DeliveryTracker, Fallbacks
from otp_engine.domain.messages.delivery_reports import DeliveryReport, DeliveryStatus
from otp_engine.domain.messages.templates import Message
from otp_engine.store import fallback_plans

LEASE = timedelta(seconds=15)


@dataclass
class RecordedDeliveryMetrics:
    """Metrics of delivery reports that a test reads.

    Attributes:
        statuses: The new statuses.
        unknown: The number of reports on deliveries that are not stored.
        durations: The times until delivery.
    """

    statuses: list[DeliveryStatus] = field(default_factory=list)
    unknown: int = 0
    durations: list[timedelta] = field(default_factory=list)

    def count_report(self, report: DeliveryReport) -> None:
        self.statuses.append(report.status)

    def count_unknown_report(self, report: DeliveryReport) -> None:
        self.unknown += 1

    def observe_delivered(self, report: DeliveryReport, elapsed: timedelta) -> None:
        self.durations.append(elapsed)


class FallbackInstance:
    """One instance of the service on a store.

    Attributes:
        engine: The engine; a test can replace it.
        events: The emitted events.
        metrics: The metrics of reports.
        due: The times until fallbacks that the instance heard of.
    """

    def __init__(self, engine: Engine, deliveries: Any) -> None:
        self.events: list[Event] = []
        self.metrics = RecordedDeliveryMetrics()
        self.due: list[timedelta] = []
        self._deliveries = deliveries
        tracker = DeliveryTracker(
            store=deliveries,
            encrypt=lambda plan, delivery_id: fallback_plans.encrypt(
                plan, engine.peppers[0], delivery_id=delivery_id
            ),
            on_due=self.due.append,
        )
        self.engine = replace(engine, emit=self.events.append, track=tracker.track)
        self._fallbacks = Fallbacks(
            store=deliveries,
            decrypt=lambda ciphertext, delivery_id: fallback_plans.decrypt(
                ciphertext, engine.peppers, delivery_id=delivery_id
            ),
            fall_back=self._fall_back,
        )
        self._recorder = DeliveryRecorder(
            store=deliveries,
            pepper=engine.peppers[0],
            emit=self.events.append,
            metrics=self.metrics,
            on_due=lambda: self.due.append(timedelta()),
            mark_unreachable=engine.store.mark_channel_unreachable,
        )

    def report(
        self, message: Message, status: str, provider: str = "first", **more: Any
    ) -> None:
        """Record the report of a provider on a message."""
        self._recorder.record(
            DeliveryReport(
                delivery_id=message.delivery_id,
                message_id="1",
                status=DeliveryStatus(status),
                provider=provider,
                channel=message.channel,
                **more,
            )
        )

    def _fall_back(self, plan: FallbackPlan, mark: Callable[[], bool]) -> object:
        # A test can have replaced the engine.
        return self.engine.fall_back(plan, mark)

    def claim(self) -> list[str]:
        """Claim all fallbacks that are due."""
        return self._deliveries.claim_fallbacks(100, lease=LEASE)

    def run(self, delivery_id: str) -> None:
        """Run a claimed fallback."""
        self._fallbacks.run(delivery_id)

    def run_due(self) -> int:
        """Run all fallbacks that are due; return their number."""
        claimed = self.claim()
        for delivery_id in claimed:
            self.run(delivery_id)
        return len(claimed)

    def of_type(self, event_type: type) -> list[Event]:
        """Return the events of a type."""
        return [event for event in self.events if isinstance(event, event_type)]
