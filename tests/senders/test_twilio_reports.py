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


RCS = {"To": "+919445012345", "From": "rcs:acme_agent"}
WHATSAPP = {"To": "whatsapp:+919445012345", "From": "whatsapp:+14155238886"}


@pytest.mark.parametrize(
    ("addresses", "channel"),
    [
        (RCS, Channel.SMS),
        (RCS | {"To": "rcs:+919445012345"}, Channel.SMS),
        (WHATSAPP, Channel.WHATSAPP),
        (WHATSAPP | {"To": "+919445012345"}, Channel.WHATSAPP),
    ],
)
@pytest.mark.parametrize("status", ["sent", "delivered", "read", "failed"])
def test_report_has_the_channel_and_the_number_of_its_addresses(
    receiver, addresses, channel, status
):
    [report] = receive(receiver, REPORT | addresses | {"MessageStatus": status})

    assert (report.channel, report.to, report.status) == (
        channel,
        "+919445012345",
        DeliveryStatus(status),
    )


@pytest.mark.parametrize("prefix", ["messenger", "client", "sip", "WhatsApp"])
def test_report_of_another_channel_is_ignored(receiver, prefix):
    form = REPORT | {"MessageStatus": "delivered", "To": f"{prefix}:+919445012345"}

    assert receive(receiver, form) == ()


@pytest.mark.parametrize(
    ("code", "status", "not_on_channel"),
    [
        ("63024", "undelivered", True),
        ("63003", "failed", True),
        ("63016", "failed", False),
        ("63024", "delivered", False),
        ("", "failed", False),
    ],
)
def test_report_states_whether_the_recipient_is_on_whatsapp(
    receiver, code, status, not_on_channel
):
    form = REPORT | WHATSAPP | {"MessageStatus": status, "ErrorCode": code}

    [report] = receive(receiver, form)

    assert report.not_on_channel is not_on_channel


TEMPLATE = ["63005", "63016", "63021", "63027", "63028", "63040", "63041", "63042"]
ACCOUNT = ["63001", "63007", "63015", "63020", "63038", "63051", "63111", "63112"]
OTHERS = ["63009", "63010", "63012", "63013", "63014", "63017", "63018", "63024"]
OTHERS += ["63032", "63033", "63049", "63035", "63036", "63106", "30003", ""]


@pytest.mark.parametrize(
    ("codes", "hint"),
    [
        (TEMPLATE, "check the template in TWILIO_WHATSAPP_CONTENT"),
        (ACCOUNT, "check the account and its senders at Twilio"),
        (OTHERS, None),
    ],
    ids=["template", "account", "others"],
)
def test_failure_that_an_operator_can_correct_is_logged_as_an_error(
    receiver, caplog, codes, hint
):
    for code in codes:
        form = REPORT | WHATSAPP | {"MessageStatus": "failed", "ErrorCode": code}
        receive(receiver, form)

    assert len(caplog.records) == (len(codes) if hint else 0)
    assert all(hint in record.getMessage() for record in caplog.records)
    assert "9445012345" not in caplog.text


def test_template_warning_on_a_delivered_message_is_no_error(receiver, caplog):
    form = REPORT | WHATSAPP | {"MessageStatus": "delivered", "ErrorCode": "63046"}

    [report] = receive(receiver, form)

    assert report.status is DeliveryStatus.DELIVERED
    assert caplog.records == []
