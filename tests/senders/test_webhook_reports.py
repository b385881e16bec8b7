from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from otp_engine.config.webhook_settings import WebhookSettings
from otp_engine.crypto import webhook_signatures
from otp_engine.crypto.webhook_signatures import WebhookSecret
from otp_engine.domain.messages.delivery_reports import DeliveryReport, DeliveryStatus
from otp_engine.domain.models import Channel
from otp_engine.errors import InvalidRequest, Unauthorized
from otp_engine.senders.reports import ReportRequest
from otp_engine.senders.webhook_reports import WebhookReportReceiver

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
DELIVERY = "0123456789" * 4
NEW, OLD, OTHER = (WebhookSecret(bytes([number]) * 24) for number in range(3))
SETTINGS = WebhookSettings(
    name="gateway",
    url="https://gateway.example.com",
    channels=(Channel.WHATSAPP, Channel.SMS),
    secrets=(NEW, OLD),
)


@pytest.fixture
def receiver():
    return WebhookReportReceiver(SETTINGS, lambda: NOW)


def signed(body, *, secret=NEW, at=NOW):
    headers = webhook_signatures.sign([secret], message_id="r-1", at=at, body=body)
    return ReportRequest(url="", headers=headers, body=body)


def receive(receiver, report, **options):
    request = signed(json.dumps(report).encode(), **options)
    receiver.check_headers(request.headers)
    (parsed,) = receiver.receive(request).reports
    return parsed


def test_path_has_the_name_of_the_receiver(receiver):
    assert receiver.path == "/callbacks/webhook/gateway"


def test_report_has_delivery_id_and_status(receiver):
    report = receive(
        receiver,
        {"delivery_id": DELIVERY, "status": "undelivered", "error": "absent"},
    )

    assert report == DeliveryReport(
        delivery_id=DELIVERY,
        message_id="",
        status=DeliveryStatus.UNDELIVERED,
        provider="gateway",
        channel=Channel.WHATSAPP,
        provider_error="absent",
    )


@pytest.mark.parametrize("status", DeliveryStatus)
def test_every_status_is_reported(receiver, status):
    report = receive(receiver, {"delivery_id": DELIVERY, "status": status.value})

    assert report.status is status


@pytest.mark.parametrize(
    ("error", "parsed"),
    [
        ("absent_subscriber", "absent_subscriber"),
        ("30003", 30003),
        (404, 404),
        (None, None),
        (True, None),
        ({"code": 1}, None),
        ("", None),
        ("two words", None),
        ("x" * 41, None),
        ("+919445012345", None),
        ("919445012345", None),
        ("code-482913", None),
        (482913, None),
        (-5, "-5"),
    ],
)
def test_error_has_no_text_that_could_be_a_number(receiver, error, parsed):
    report = receive(
        receiver, {"delivery_id": DELIVERY, "status": "failed", "error": error}
    )

    assert report.provider_error == parsed


def test_recipient_without_the_channel_is_reported(receiver):
    report = receive(
        receiver,
        {
            "delivery_id": DELIVERY,
            "status": "failed",
            "error": "recipient_not_on_channel",
        },
    )

    assert report.not_on_channel


def test_message_id_is_reported(receiver):
    report = receive(
        receiver,
        {"delivery_id": DELIVERY, "status": "sent", "message_id": "m-1"},
    )

    assert report.message_id == "m-1"


def test_report_of_the_previous_secret_is_valid_during_a_rotation(receiver):
    report = receive(receiver, {"delivery_id": DELIVERY, "status": "sent"}, secret=OLD)

    assert report.delivery_id == DELIVERY


def test_repeated_report_is_received_again(receiver):
    request = signed(json.dumps({"delivery_id": DELIVERY, "status": "sent"}).encode())

    assert receiver.receive(request) == receiver.receive(request)


@pytest.mark.parametrize("offset", [timedelta(minutes=-6), timedelta(minutes=6)])
def test_old_report_is_not_authorized_by_its_headers(receiver, offset):
    request = signed(b"{}", at=NOW + offset)

    with pytest.raises(Unauthorized):
        receiver.check_headers(request.headers)


@pytest.mark.parametrize("headers", [{}, {"webhook-signature": "v1,AAAA"}])
def test_report_without_signature_is_not_authorized(receiver, headers):
    with pytest.raises(Unauthorized):
        receiver.check_headers(headers)


def test_report_of_another_secret_is_not_authorized(receiver):
    with pytest.raises(Unauthorized):
        receive(receiver, {"delivery_id": DELIVERY, "status": "sent"}, secret=OTHER)


def test_old_report_is_not_authorized_after_its_headers(receiver):
    with pytest.raises(Unauthorized):
        receiver.receive(signed(b"{}", at=NOW - timedelta(minutes=6)))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b"null",
        b"[]",
        b"[" * 4000,
        json.dumps({}).encode(),
        json.dumps({"delivery_id": DELIVERY}).encode(),
        json.dumps({"status": "sent"}).encode(),
        json.dumps({"delivery_id": DELIVERY[1:], "status": "sent"}).encode(),
        json.dumps({"delivery_id": DELIVERY.encode().hex(), "status": "sent"}).encode(),
        json.dumps({"delivery_id": [DELIVERY], "status": "sent"}).encode(),
        json.dumps({"delivery_id": DELIVERY, "status": "lost"}).encode(),
        json.dumps({"delivery_id": DELIVERY, "status": ["sent"]}).encode(),
        json.dumps({"delivery_id": DELIVERY, "status": {}}).encode(),
    ],
)
def test_malformed_report_is_invalid(receiver, body):
    with pytest.raises(InvalidRequest):
        receiver.receive(signed(body))
