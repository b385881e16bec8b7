"""Events as CloudEvents in the shape of Twilio Verify's."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.event_webhook import cloud_events, sealing
from otp_engine.domain.event_webhook.cloud_events import Account
from otp_engine.domain.event_webhook.followed import Status, expire, follow
from otp_engine.domain.events import (
    ChallengeApproved,
    CheckFailed,
    CodeSent,
    FactorApproved,
    FactorCheckFailed,
    FactorCreated,
    FactorDeleted,
    FactorVerified,
    LimitNear,
    MaxAttemptsReached,
    MessageDelivered,
    MessageRead,
    MessageUndelivered,
    RecordedEvent,
    SendRejected,
    VerificationApproved,
    VerificationCanceled,
)
from otp_engine.domain.models import Channel
from otp_engine.domain.recipients import PseudonymousRecipient

START = datetime(2026, 1, 2, 3, 4, 5, 678_900, tzinfo=UTC)
RECIPIENT = PseudonymousRecipient(phone_hash="digest", prefix="+919445", country="IN")
ID, SEND = b"\x01" * 16, b"\x02" * 8
DELIVERY = "d" * 40
SENT = CodeSent(
    recipient=RECIPIENT,
    verification_id=ID,
    send_id=SEND,
    service="",
    channel=Channel.WHATSAPP,
    code_length=6,
    locale="pt-BR",
    delivery_id=DELIVERY,
    expires_at=START + timedelta(minutes=10),
    has_fallback=True,
)
REPORT: dict[str, Any] = {
    "recipient": RECIPIENT,
    "channel": Channel.WHATSAPP,
    "verification_id": ID,
    "delivery_id": DELIVERY,
    "provider": "twilio",
}
OF_VERIFICATION: dict[str, Any] = {"recipient": RECIPIENT, "verification_id": ID}
FACTOR: dict[str, Any] = {
    "identity_hash": "pseudonym",
    "service": "VA2",
    "factor_sid": "YF1",
    "client_name": "shop",
}
PREFIX = "com.twilio.accountsecurity.verify."


@pytest.fixture
def account():
    return Account(
        sid="AC1",
        default_service="VA1",
        service_name={"": "Acme", "VA2": "Other"}.get,
        open_address=lambda _: None,
    )


def publish(account, *events):
    """Return the CloudEvents of events that happen a second apart."""
    followed, found = None, []
    for number, event in enumerate(events):
        recorded = RecordedEvent(START + timedelta(seconds=number), event)
        followed = follow(followed, recorded)
        found += cloud_events.from_event(f"{number}-0", recorded, followed, account)
    return found


def started():
    followed = follow(None, RecordedEvent(START, SENT))
    assert followed
    return followed


def types(found):
    return [event["type"].removeprefix(PREFIX) for event in found]


def test_first_send_is_a_pending_verification_and_a_sent_message(account):
    pending, sent = publish(account, SENT)

    assert pending == {
        "specversion": "1.0",
        "type": f"{PREFIX}verification.pending",
        "source": f"/v1/Accounts/AC1/Services/VA1/Verifications/VE{ID.hex()}",
        "id": pending["id"],
        "time": "2026-01-02T03:04:05.678Z",
        "datacontenttype": "application/json",
        "data": {
            "account_sid": "AC1",
            "service_sid": "VA1",
            "verification_sid": f"VE{ID.hex()}",
            "friendly_name": "Acme",
            "to": "+919445*******",
            "country": "IN",
            "code_length": 6,
            "created_at": "2026-01-02T03:04:05.678Z",
            "verified_at": None,
            "expires_at": "2026-01-02T03:14:05.678Z",
            "verification_status": "PENDING",
            "send_code_attempts": {
                "count": 1,
                "attempts": [
                    {
                        "time": "2026-01-02T03:04:05.678Z",
                        "channel": "WHATSAPP",
                        "attempt_sid": f"VL{SEND.hex()}{ID.hex()[:16]}",
                        "locale": "pt-BR",
                    }
                ],
            },
            "check_attempts": {"count": 0, "attempts": []},
        },
    }
    assert sent["data"] == {
        "account_sid": "AC1",
        "service_sid": "VA1",
        "verification_sid": f"VE{ID.hex()}",
        "to": "+919445*******",
        "channel": "WHATSAPP",
        "message_status": "SENT",
        "has_fallback": True,
        "is_fallback": False,
        "error_code": None,
        "mcc": None,
        "mnc": None,
        "created_at": "2026-01-02T03:04:05.678Z",
        "attempt_sid": f"VL{SEND.hex()}{ID.hex()[:16]}",
    }


def test_resend_is_no_second_pending_verification(account):
    found = publish(account, SENT, replace(SENT, send_id=b"\x03" * 8))

    assert types(found) == ["verification.pending", "message.sent", "message.sent"]


def test_unconfirmed_send_is_no_sent_message(account):
    found = publish(account, replace(SENT, confirmed=False))

    assert types(found) == ["verification.pending"]


def test_call_has_the_channel_of_verify(account):
    *_, sent = publish(account, replace(SENT, channel=Channel.CALL))

    assert sent["data"]["channel"] == "VOICE"


def test_approval_contains_every_check(account):
    wrong = CheckFailed(**OF_VERIFICATION, attempts_remaining=4)
    approved = VerificationApproved(**OF_VERIFICATION, channel=Channel.WHATSAPP)

    *_, event = publish(account, SENT, wrong, approved)

    assert event["type"] == f"{PREFIX}verification.approved"
    assert event["data"]["verified_at"] == "2026-01-02T03:04:07.678Z"
    assert event["data"]["check_attempts"] == {
        "count": 2,
        "attempts": [
            {"time": "2026-01-02T03:04:06.678Z", "status": "FAILURE"},
            {"time": "2026-01-02T03:04:07.678Z", "status": "SUCCESS"},
        ],
    }


@pytest.mark.parametrize(
    ("event", "name"),
    [
        (VerificationCanceled(**OF_VERIFICATION), "verification.canceled"),
        (MaxAttemptsReached(**OF_VERIFICATION), "verification.max_attempts_reached"),
        (MessageDelivered(**REPORT), "message.delivered"),
        (MessageRead(**REPORT), "message.read"),
        (
            MessageUndelivered(**REPORT, provider_error=63024),
            "message.undelivered",
        ),
        (
            MessageUndelivered(**REPORT, provider_error=63024, failed=True),
            "message.failed",
        ),
    ],
)
def test_later_event_of_a_verification_has_its_type(account, event, name):
    *_, found = publish(account, SENT, event)

    assert found["type"] == f"{PREFIX}{name}"
    assert found["data"]["verification_sid"] == f"VE{ID.hex()}"


def test_undelivered_message_has_its_attempt_and_error(account):
    event = MessageUndelivered(**REPORT, provider_error=63024)

    *_, found = publish(account, SENT, event)

    assert found["data"]["error_code"] == 63024
    assert found["data"]["attempt_sid"] == f"VL{SEND.hex()}{ID.hex()[:16]}"


def test_report_on_an_unknown_delivery_has_no_attempt(account):
    event = MessageDelivered(**{**REPORT, "delivery_id": "e" * 40})

    *_, found = publish(account, SENT, event)

    assert found["data"]["attempt_sid"] is None


def test_approval_of_an_unknown_verification_has_no_times(account):
    event = VerificationApproved(**OF_VERIFICATION, channel=Channel.SMS)

    [found] = publish(account, event)

    assert found["data"]["created_at"] is None
    assert found["data"]["send_code_attempts"] == {"count": 0, "attempts": []}


def test_rejected_message_failed(account):
    event = SendRejected(
        recipient=RECIPIENT,
        channel=Channel.SMS,
        error="delivery_failed",
        provider_error=21610,
    )

    [found] = publish(account, event)

    assert found["type"] == f"{PREFIX}message.failed"
    assert found["source"] == "/v1/Accounts/AC1"
    assert found["data"]["error_code"] == 21610


def test_event_that_verify_does_not_publish_is_left_out(account):
    near = LimitNear(limit="sends_total", identifier="", used=8, count=10, period="1h")

    assert publish(account, near) == []


def test_repeated_event_has_the_same_id(account):
    first, second = publish(account, SENT), publish(account, SENT)

    assert [event["id"] for event in first] == [event["id"] for event in second]
    assert len({event["id"] for event in first}) == 2


def test_events_of_another_service_have_its_sid_and_name(account):
    pending, _ = publish(account, replace(SENT, service="VA2"))

    assert pending["data"]["service_sid"] == "VA2"
    assert pending["data"]["friendly_name"] == "Other"


def test_later_code_extends_a_verification():
    later = START + timedelta(minutes=12)
    followed = started()

    followed = follow(followed, RecordedEvent(START, replace(SENT, expires_at=later)))

    assert followed
    assert followed.next_look(START) == later


def test_pending_verification_expires_with_its_last_code():
    followed = started()

    expired = expire(followed)

    assert expired
    assert expired.status is Status.EXPIRED
    assert expired.ended_at == SENT.expires_at


def test_ended_verification_does_not_expire():
    followed = started()
    canceled = VerificationCanceled(**OF_VERIFICATION)

    followed = follow(followed, RecordedEvent(START, canceled))

    assert followed
    assert expire(followed) is None


def test_number_is_in_the_events_if_the_operator_wants_it(account):
    pepper, old = Pepper(b"p" * 32), Pepper(b"o" * 32)
    sealed = sealing.seal("+919445012345", old, verification_id=ID)

    def open_address(followed):
        return sealing.unseal(
            followed.sealed_address, (pepper, old), verification_id=followed.id
        )

    found = publish(
        replace(account, open_address=open_address),
        replace(SENT, sealed_address=sealed),
        VerificationApproved(**OF_VERIFICATION, channel=Channel.SMS),
    )

    assert {event["data"]["to"] for event in found} == {"+919445012345"}
    assert b"9445012345" not in bytes.fromhex(sealed)


@pytest.mark.parametrize(
    ("sealed", "verification"),
    [("00" * 30, ID), ("no hexadecimal", ID), (None, bytes(16))],
)
def test_number_of_another_event_cannot_be_decrypted(sealed, verification):
    pepper = Pepper(b"p" * 32)
    sealed = sealed or sealing.seal("+919445012345", pepper, verification_id=ID)

    assert sealing.unseal(sealed, (pepper,), verification_id=verification) is None


@pytest.mark.parametrize(
    ("event", "name", "values"),
    [
        (FactorCreated(**FACTOR), "factor.created", {}),
        (FactorVerified(**FACTOR), "factor.verified", {}),
        (FactorDeleted(**FACTOR), "factor.deleted", {}),
        (
            FactorCheckFailed(**FACTOR, attempts_remaining=4),
            "factor.check_failed",
            {"attempts_remaining": 4},
        ),
        (
            FactorApproved(**FACTOR, method="recovery_code"),
            "factor.approved",
            {"method": "RECOVERY_CODE"},
        ),
        (
            ChallengeApproved(**FACTOR, challenge_sid="YC1"),
            "challenge.approved",
            {"challenge_sid": "YC1"},
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_event_of_a_factor_has_the_pseudonym_of_its_identity(
    account, event, name, values
):
    [found] = publish(account, event)

    assert types([found]) == [name]
    assert found["source"] == "/v1/Accounts/AC1/Services/VA2/Factors/YF1"
    assert found["data"] == {
        "account_sid": "AC1",
        "service_sid": "VA2",
        "factor_sid": "YF1",
        "factor_type": "TOTP",
        "identity_hash": "pseudonym",
        "challenge_sid": None,
        "method": None,
        "attempts_remaining": None,
        **values,
    }
