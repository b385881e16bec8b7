"""Records delivery reports: status, events, metrics, and the start of a fallback."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.delivery_records import (
    DeliveryRecord,
    DeliveryStatusStore,
    StatusChange,
)
from otp_engine.domain.events import (
    Event,
    EventListener,
    MessageDelivered,
    MessageRead,
    MessageUndelivered,
)
from otp_engine.domain.messages.delivery_reports import DeliveryReport, DeliveryStatus
from otp_engine.domain.models import Channel
from otp_engine.domain.phones import numbers
from otp_engine.domain.phones.phone_keys import PhoneKey
from otp_engine.domain.provider_rejections import ProviderRejection
from otp_engine.domain.recipients import PseudonymousRecipient
from otp_engine.domain.routing.health_recorder import (
    NULL_HEALTH_RECORDER,
    HealthRecorder,
)
from otp_engine.domain.routing.steps import Step
from otp_engine.errors import InvalidPhone


class DeliveryMetrics(Protocol):
    """Counts delivery reports."""

    def count_report(self, report: DeliveryReport) -> None:
        """Count a report with a new status."""

    def count_unknown_report(self, report: DeliveryReport) -> None:
        """Count a report on a delivery that is not stored."""

    def observe_delivered(self, report: DeliveryReport, elapsed: timedelta) -> None:
        """Record the time between the hand-over of a message and its arrival."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRecorder:
    """Records delivery reports.

    Attributes:
        store: Stores the status of each delivery.
        pepper: The current pepper.
        emit: Receives the events.
        metrics: Counts the reports.
        on_due: Called when a fallback is due at once.
        mark_unreachable: Stores that a channel does not reach a phone.
        health: Counts by provider whether messages arrived, and how late.
    """

    store: DeliveryStatusStore
    pepper: Pepper
    emit: EventListener
    metrics: DeliveryMetrics
    on_due: Callable[[], object]
    mark_unreachable: Callable[[PhoneKey, Channel, ProviderRejection], object]
    health: HealthRecorder = NULL_HEALTH_RECORDER

    def record(self, report: DeliveryReport) -> StatusChange:
        """Record the report of a provider.

        A report that arrives twice or too late changes nothing. A report on a delivery
        that is not stored has an event if it has the number.

        Returns:
            What the report changed.

        Raises:
            StoreUnavailable: The store does not answer.
        """
        change = self.store.record_status(report)
        if report.delivery_id and change.record is None:
            self.metrics.count_unknown_report(report)
        if report.not_on_channel and change.record:
            # Before the fallback, which skips the channel.
            self._mark_unreachable(report, change.record)
        if report.status.is_failure and change.has_fallback and report.delivery_id:
            # Also of a repeated report: the store can have failed here at the first.
            self.store.schedule_fallback(report.delivery_id, after=timedelta())
            self.on_due()
        if not change.is_new:
            return change
        self.metrics.count_report(report)
        if recipient := self._recipient(report, change):
            for event in _events(report, change, recipient):
                self.emit(event)
        if change.elapsed and report.status.has_arrived and not _had_arrived(change):
            self.metrics.observe_delivered(report, change.elapsed)
        self._count(report, change)
        return change

    def _mark_unreachable(self, report: DeliveryReport, record: DeliveryRecord) -> None:
        """Store that the channel of a message does not reach its recipient."""
        rejection = ProviderRejection.not_on_channel(report.provider_error)
        self.mark_unreachable(PhoneKey(record.phone), record.channel, rejection)

    def _count(self, report: DeliveryReport, change: StatusChange) -> None:
        """Count a report that decides on a message in the health of its provider."""
        record, arrived = change.record, report.status.has_arrived
        is_final = arrived or report.status.is_failure
        if record is None or change.elapsed is None or not is_final:
            return
        if _had_arrived(change) or (change.before and change.before.is_failure):
            return
        step = Step(record.channel, record.provider)
        self.health.count_report(step, delay=change.elapsed, arrived=arrived)

    def _recipient(
        self, report: DeliveryReport, change: StatusChange
    ) -> PseudonymousRecipient | None:
        """Return the recipient of a message, if the store or the report has one."""
        if change.record:
            return change.record.recipient
        with suppress(InvalidPhone):
            number = numbers.parse(report.to, numbers.UNKNOWN_REGION)
            return PseudonymousRecipient.from_address(number, self.pepper)
        return None


def _had_arrived(change: StatusChange) -> bool:
    return change.before is not None and change.before.has_arrived


def _events(
    report: DeliveryReport, change: StatusChange, recipient: PseudonymousRecipient
) -> list[Event]:
    """Return the events of a new status.

    A message that is read has arrived, so `read` without `delivered` has both events.
    """
    status, record = report.status, change.record
    channel = record.channel if record else report.channel
    verification_id = record.verification_id if record else None
    events: list[Event] = []
    if status.is_failure:
        events.append(
            MessageUndelivered(
                recipient=recipient,
                channel=channel,
                provider_error=report.provider_error,
                provider=report.provider,
                verification_id=verification_id,
                delivery_id=report.delivery_id,
                has_fallback=change.has_fallback,
                failed=status is DeliveryStatus.FAILED,
            )
        )
    if status.has_arrived and not _had_arrived(change):
        events.append(
            MessageDelivered(
                recipient=recipient,
                channel=channel,
                provider=report.provider,
                verification_id=verification_id,
                delivery_id=report.delivery_id,
            )
        )
    if status is DeliveryStatus.READ:
        events.append(
            MessageRead(
                recipient=recipient,
                channel=channel,
                provider=report.provider,
                verification_id=verification_id,
                delivery_id=report.delivery_id,
            )
        )
    return events
