"""Feedback to the provider of the message with the code that was entered."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.delivery_records import DeliveryRecord
from otp_engine.domain.events import VerificationApproved
from otp_engine.domain.message_feedback import MessageFeedback
from otp_engine.domain.messages import delivery_ids
from otp_engine.domain.models import Channel
from otp_engine.domain.recipients import PseudonymousRecipient
from tests.support import time_travel

PEPPER, PREVIOUS = Pepper(b"p" * 32), Pepper(b"o" * 32)
ID = b"v" * 16
RECIPIENT = PseudonymousRecipient(phone_hash="h", prefix="+91944", country="IN")
RECORD = DeliveryRecord(
    verification_id=ID, recipient=RECIPIENT, provider="twilio", channel=Channel.SMS
)


@pytest.fixture
def confirmed():
    return []


@pytest.fixture
def feedback(store, confirmed):
    return MessageFeedback(
        store=store.deliveries,
        peppers=(PEPPER, PREVIOUS),
        confirm={"twilio": confirmed.append},
    )


@pytest.fixture
def track(store, redis):
    def track(message_id, pepper=PEPPER, **changes):
        time_travel.age(redis, timedelta(seconds=1))
        store.deliveries.track(
            delivery_ids.tag(pepper, ID) + message_id.encode().hex().rjust(16, "0"),
            replace(RECORD, message_id=message_id, **changes),
            code_expires_at=datetime.now(UTC) + timedelta(minutes=10),
        )

    return track


def approved(channel=Channel.SMS):
    return VerificationApproved(
        recipient=RECIPIENT, verification_id=ID, channel=channel
    )


def test_last_message_of_the_channel_is_confirmed(feedback, track, confirmed):
    track("SM1")
    track("SM2")
    track("WA1", channel=Channel.WHATSAPP)

    feedback.send(approved())

    assert confirmed == ["SM2"]


def test_message_of_another_channel_is_not_confirmed(feedback, track, confirmed):
    track("SM1")

    feedback.send(approved(Channel.CALL))

    assert confirmed == []


def test_message_of_provider_without_feedback_is_not_confirmed(
    feedback, track, confirmed
):
    track("SM1")
    track("X", provider="msg91")

    feedback.send(approved())

    assert confirmed == []


def test_message_before_a_rotation_is_confirmed(feedback, track, confirmed):
    track("SM1", pepper=PREVIOUS)

    feedback.send(approved())

    assert confirmed == ["SM1"]


def test_verification_without_deliveries_is_not_confirmed(feedback, confirmed):
    feedback.send(approved())

    assert confirmed == []
