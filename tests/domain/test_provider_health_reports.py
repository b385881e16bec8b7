"""Which delivery reports count for the health of a provider."""

from __future__ import annotations

from datetime import timedelta

import pytest

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.channels import Channel
from otp_engine.domain.delivery_recorder import DeliveryRecorder
from otp_engine.domain.delivery_records import DeliveryRecord, StatusChange
from otp_engine.domain.events import ignore_event
from otp_engine.domain.messages.delivery_reports import DeliveryReport, DeliveryStatus
from otp_engine.domain.phones import numbers
from otp_engine.domain.recipients import PseudonymousRecipient
from otp_engine.domain.routing.health_recorder import NullHealthRecorder

PEPPER = Pepper(b"p" * 32)
RECIPIENT = PseudonymousRecipient.from_address(
    numbers.parse("+919445012345", "IN"), PEPPER
)
RECORD = DeliveryRecord(
    verification_id=b"v" * 16,
    recipient=RECIPIENT,
    provider="twilio",
    channel=Channel.WHATSAPP,
)
DELAY = timedelta(seconds=7)
QUEUED, SENT = DeliveryStatus.QUEUED, DeliveryStatus.SENT
FAILED, UNDELIVERED = DeliveryStatus.FAILED, DeliveryStatus.UNDELIVERED
DELIVERED, READ = DeliveryStatus.DELIVERED, DeliveryStatus.READ


class _Store:
    def __init__(self, change: StatusChange) -> None:
        self.change = change

    def record_status(self, report: DeliveryReport) -> StatusChange:
        return self.change

    def schedule_fallback(self, delivery_id: str, *, after: timedelta) -> None:
        raise AssertionError


class _Metrics:
    def count_report(self, report: DeliveryReport) -> None:
        pass

    def count_unknown_report(self, report: DeliveryReport) -> None:
        pass

    def observe_delivered(self, report: DeliveryReport, elapsed: timedelta) -> None:
        pass


class _Health(NullHealthRecorder):
    def __init__(self) -> None:
        self.counted: list[tuple[str, timedelta, bool]] = []

    def count_report(self, step, *, delay, arrived):
        self.counted.append((str(step), delay, arrived))


def _record(
    status: DeliveryStatus,
    before: DeliveryStatus | None,
    *,
    is_new: bool = True,
    record: DeliveryRecord | None = RECORD,
) -> list[tuple[str, timedelta, bool]]:
    change = StatusChange(
        is_new=is_new,
        before=before,
        record=record,
        elapsed=DELAY if record else None,
        has_fallback=False,
    )
    health = _Health()
    recorder = DeliveryRecorder(
        store=_Store(change),
        pepper=PEPPER,
        emit=ignore_event,
        metrics=_Metrics(),
        on_due=lambda: None,
        mark_unreachable=lambda *_: None,
        health=health,
    )
    report = DeliveryReport(
        delivery_id="ab" * 20,
        message_id="SM1",
        status=status,
        provider="twilio",
        channel=Channel.SMS,
    )
    recorder.record(report)
    return health.counted


@pytest.mark.parametrize(
    ("status", "before", "arrived"),
    [
        (DELIVERED, None, True),
        (DELIVERED, SENT, True),
        (READ, SENT, True),
        (UNDELIVERED, SENT, False),
        (FAILED, QUEUED, False),
    ],
)
def test_first_final_report_counts_for_the_step_of_the_delivery(
    status, before, arrived
):
    assert _record(status, before) == [("whatsapp:twilio", DELAY, arrived)]


@pytest.mark.parametrize(
    ("status", "before"),
    [(SENT, QUEUED), (READ, DELIVERED), (DELIVERED, FAILED), (DELIVERED, UNDELIVERED)],
)
def test_other_reports_do_not_count(status, before):
    assert _record(status, before) == []


def test_report_that_arrives_twice_does_not_count():
    assert _record(DELIVERED, DELIVERED, is_new=False) == []


def test_report_on_an_unknown_delivery_does_not_count():
    assert _record(DELIVERED, None, record=None) == []
