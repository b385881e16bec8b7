from __future__ import annotations

import hashlib
import hmac
import json

import pytest

from otp_engine.domain.messages.delivery_reports import DeliveryReport, DeliveryStatus
from otp_engine.domain.models import Channel
from otp_engine.errors import InvalidRequest, Unauthorized
from otp_engine.senders.reports import ReportRequest
from otp_engine.senders.telegram_reports import TelegramReportReceiver
from tests.support.telegram_server import REQUEST_ID, TOKEN

NOW = 1_795_000_000
DELIVERY_ID = "ab" * 20


@pytest.fixture
def receiver():
    return TelegramReportReceiver(TOKEN, clock=lambda: NOW)


def _body(status: str = "delivered", **fields: object) -> bytes:
    document = {
        "request_id": REQUEST_ID,
        "phone_number": "919445012345",
        "delivery_status": {"status": status, "updated_at": NOW},
        "payload": DELIVERY_ID,
        **fields,
    }
    return json.dumps(document).encode()


def _request(body: bytes, at: int = NOW, token: str = TOKEN) -> ReportRequest:
    key = hashlib.sha256(token.encode()).digest()
    signature = hmac.digest(key, f"{at}\n".encode() + body, "sha256").hex()
    headers = {"x-request-timestamp": str(at), "x-request-signature": signature}
    return ReportRequest(url="", headers=headers, body=body)


@pytest.mark.parametrize(
    ("text", "status", "error"),
    [
        ("sent", DeliveryStatus.SENT, None),
        ("delivered", DeliveryStatus.DELIVERED, None),
        ("read", DeliveryStatus.READ, None),
        ("expired", DeliveryStatus.UNDELIVERED, "expired"),
        ("revoked", DeliveryStatus.UNDELIVERED, "revoked"),
    ],
)
def test_report_has_status_and_delivery(receiver, text, status, error):
    reply = receiver.receive(_request(_body(text)))

    assert reply.reports == (
        DeliveryReport(
            delivery_id=DELIVERY_ID,
            message_id=REQUEST_ID,
            status=status,
            provider="telegram",
            channel=Channel.TELEGRAM,
            provider_error=error,
        ),
    )


@pytest.mark.parametrize("payload", [None, "", 5, "AB" * 20, "ab" * 21])
def test_report_without_a_delivery_id_has_its_message_id(receiver, payload):
    reply = receiver.receive(_request(_body(payload=payload)))

    assert [(report.delivery_id, report.message_id) for report in reply.reports] == [
        (None, REQUEST_ID)
    ]


@pytest.mark.parametrize(
    "body",
    [
        _body("a status of the future"),
        b'{"request_id": "1"}',
        b'{"request_id": "1", "delivery_status": null}',
        b'{"request_id": 1, "delivery_status": {"status": "read"}}',
    ],
)
def test_report_without_a_known_status_is_left_out(receiver, body):
    assert receiver.receive(_request(body)).reports == ()


@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b"\xff", b"[" * 8000])
def test_body_of_another_form_is_invalid(receiver, body):
    with pytest.raises(InvalidRequest):
        receiver.receive(_request(body))


@pytest.mark.parametrize("seconds", [-300, 300])
def test_report_within_tolerance_is_accepted(receiver, seconds):
    assert receiver.receive(_request(_body(), at=NOW + seconds)).reports


@pytest.mark.parametrize("seconds", [-301, 301])
def test_report_of_another_time_is_unauthorized(receiver, seconds):
    request = _request(_body(), at=NOW + seconds)

    with pytest.raises(Unauthorized):
        receiver.check_headers(request.headers)


def test_report_of_another_token_is_unauthorized(receiver):
    with pytest.raises(Unauthorized):
        receiver.receive(_request(_body(), token="another"))


def test_changed_body_is_unauthorized(receiver):
    signed = _request(_body("sent"))
    changed = ReportRequest(url="", headers=signed.headers, body=_body("read"))

    with pytest.raises(Unauthorized):
        receiver.receive(changed)


def test_changed_time_is_unauthorized(receiver):
    request = _request(_body())
    headers = {**request.headers, "x-request-timestamp": str(NOW - 1)}

    with pytest.raises(Unauthorized):
        receiver.receive(ReportRequest(url="", headers=headers, body=request.body))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-request-timestamp": str(NOW)},
        {"x-request-signature": "0" * 64},
        {"x-request-timestamp": "now", "x-request-signature": "0" * 64},
        {"x-request-timestamp": str(NOW), "x-request-signature": "0" * 63},
        {"x-request-timestamp": str(NOW), "x-request-signature": "é" * 64},
        {"x-request-timestamp": "٣" * 10, "x-request-signature": "0" * 64},
    ],
)
def test_report_without_a_signature_is_unauthorized(receiver, headers):
    with pytest.raises(Unauthorized):
        receiver.check_headers(headers)
