from __future__ import annotations

import pytest
from twilio.request_validator import RequestValidator

from otp_engine.domain.messages.delivery_reports import DeliveryReport
from otp_engine.errors import Unauthorized
from otp_engine.senders.twilio_reports import TwilioReportParser
from tests.support.twilio_server import TOKEN

URL = "https://otp.example.com/callbacks/twilio"
REPORT = {"MessageSid": "SM" + "2" * 32, "To": "+919445012345"}


@pytest.fixture
def parser():
    return TwilioReportParser(TOKEN, URL)


def parse(parser, report):
    signature = RequestValidator(TOKEN).compute_signature(URL, report)
    return parser.parse(report, signature)


def test_delivered_report_is_delivered(parser):
    receipt = parse(parser, REPORT | {"MessageStatus": "delivered"})

    assert receipt == DeliveryReport(
        message_id="SM" + "2" * 32,
        to="+919445012345",
        delivered=True,
        provider="twilio",
    )


@pytest.mark.parametrize("status", ["undelivered", "failed"])
@pytest.mark.parametrize(("text", "code"), [("30003", 30003), ("", None)])
def test_failed_report_has_error_code_of_provider(parser, status, text, code):
    receipt = parse(parser, REPORT | {"MessageStatus": status, "ErrorCode": text})

    assert (receipt.delivered, receipt.provider_error) == (False, code)


@pytest.mark.parametrize("status", ["queued", "sending", "sent", "read"])
def test_report_of_message_in_transit_is_ignored(parser, status):
    assert parse(parser, REPORT | {"MessageStatus": status}) is None


def test_report_with_wrong_signature_is_rejected(parser):
    with pytest.raises(Unauthorized):
        parser.parse(REPORT | {"MessageStatus": "delivered"}, "x" * 27 + "=")
