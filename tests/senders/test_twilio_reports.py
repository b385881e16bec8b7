from __future__ import annotations

import pytest
from twilio.request_validator import RequestValidator

from otp_engine.domain.messages.delivery_reports import DeliveryReport, DeliveryStatus
from otp_engine.domain.models import Channel
from otp_engine.errors import Unauthorized
from otp_engine.senders.reports import ReportRequest
from otp_engine.senders.twilio_reports import TwilioReportReceiver
from tests.support.twilio_server import TOKEN

URL = "https://otp.example.com/callbacks/twilio"
REPORT = {"MessageSid": "SM" + "2" * 32, "To": "+919445012345"}
DELIVERY = "0123456789" * 4


@pytest.fixture
def receiver():
    return TwilioReportReceiver(TOKEN)


def receive(receiver, report, url=URL, query=None, signed_url=None):
    signature = RequestValidator(TOKEN).compute_signature(signed_url or url, report)
    headers = {"x-twilio-signature": signature}
    request = ReportRequest(url=url, headers=headers, query=query or {}, form=report)
    return receiver.receive(request).reports


def test_delivered_report_is_delivered(receiver):
    [report] = receive(receiver, REPORT | {"MessageStatus": "delivered"})

    assert report == DeliveryReport(
        delivery_id=None,
        message_id="SM" + "2" * 32,
        to="+919445012345",
        status=DeliveryStatus.DELIVERED,
        provider="twilio",
        channel=Channel.SMS,
    )


@pytest.mark.parametrize("status", ["undelivered", "failed"])
@pytest.mark.parametrize(("text", "code"), [("30003", 30003), ("", None)])
def test_failed_report_has_error_code_of_provider(receiver, status, text, code):
    form = REPORT | {"MessageStatus": status, "ErrorCode": text}

    [report] = receive(receiver, form)

    assert (report.status, report.provider_error) == (status, code)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("accepted", DeliveryStatus.QUEUED),
        ("queued", DeliveryStatus.QUEUED),
        ("sending", DeliveryStatus.QUEUED),
        ("sent", DeliveryStatus.SENT),
        ("read", DeliveryStatus.READ),
        ("canceled", DeliveryStatus.FAILED),
    ],
)
def test_report_has_status(receiver, text, status):
    [report] = receive(receiver, REPORT | {"MessageStatus": text})

    assert report.status == status


@pytest.mark.parametrize("status", ["", "received", "new-status"])
def test_unknown_status_is_no_report(receiver, status):
    assert not receive(receiver, REPORT | {"MessageStatus": status})


def test_report_has_delivery_id_of_its_url(receiver):
    url = f"{URL}?delivery={DELIVERY}"
    form = REPORT | {"MessageStatus": "sent"}

    [report] = receive(receiver, form, url, {"delivery": DELIVERY})

    assert report.delivery_id == DELIVERY


@pytest.mark.parametrize(
    "delivery", ["", "0" * 39, "0" * 41, "g" * 40, "0" * 39 + "\n"]
)
def test_malformed_delivery_id_is_ignored(receiver, delivery):
    form = REPORT | {"MessageStatus": "sent"}

    [report] = receive(receiver, form, query={"delivery": delivery})

    assert report.delivery_id is None


def test_signature_covers_delivery_id(receiver):
    form = REPORT | {"MessageStatus": "sent"}
    signed_url = f"{URL}?delivery={DELIVERY}"
    other = f"{URL}?delivery={DELIVERY[::-1]}"

    with pytest.raises(Unauthorized):
        receive(receiver, form, other, signed_url=signed_url)


def test_report_with_wrong_signature_is_rejected(receiver):
    with pytest.raises(Unauthorized):
        receive(receiver, REPORT | {"MessageStatus": "sent"}, signed_url="https://x.y")
