"""Which deliveries are stored for a report or for feedback."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from otp_engine.domain.deliveries import TrackedDelivery
from otp_engine.domain.fallbacks import DeliveryTracker
from otp_engine.domain.models import Channel, SendRequest
from otp_engine.domain.phones import numbers
from otp_engine.domain.phones.phone_keys import PhoneKey
from otp_engine.domain.recipients import PseudonymousRecipient

PROVIDER, MESSAGE_ID = "twilio", "SM1"


def delivery(*, message_id, reports_delivery):
    return TrackedDelivery(
        delivery_id="a" * 40,
        verification_id=b"v" * 16,
        phone=PhoneKey("p" * 32),
        recipient=PseudonymousRecipient(phone_hash="h", prefix="+91944", country="IN"),
        channel=Channel.SMS,
        provider=PROVIDER,
        message_id=message_id,
        confirmed=True,
        reports_delivery=reports_delivery,
        fallback_after=timedelta(),
        later_steps=(),
        request=SendRequest(address=numbers.parse("9445012345", "IN")),
        expires_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("message_id", "confirming", "reports_delivery", "is_tracked"),
    [
        (MESSAGE_ID, (), False, False),
        (MESSAGE_ID, ("other",), False, False),
        (None, (PROVIDER,), False, False),
        (MESSAGE_ID, (PROVIDER,), False, True),
        (None, (), True, True),
    ],
    ids=["neither", "feedback of another", "no id", "feedback", "reports"],
)
def test_delivery_is_tracked_if_a_report_or_feedback_refers_to_it(
    message_id, confirming, reports_delivery, is_tracked, store
):
    tracker = DeliveryTracker(
        store=store.deliveries,
        encrypt=lambda _plan, _delivery_id: b"",
        on_due=lambda _after: None,
        confirming=confirming,
    )
    handed_over = delivery(message_id=message_id, reports_delivery=reports_delivery)

    assert tracker.is_tracked(handed_over) is is_tracked
