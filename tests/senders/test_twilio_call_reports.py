from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest

from otp_engine.config.twilio_channels import TwilioCalls
from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.messages.delivery_reports import DeliveryReport, DeliveryStatus
from otp_engine.domain.models import Channel
from otp_engine.errors import Unauthorized
from otp_engine.senders.reports import ReportRequest
from otp_engine.senders.twilio import TwilioProvider
from otp_engine.senders.twilio_calls import CallReportReceiver
from otp_engine.senders.twilio_key_press import KeyPressReceiver
from tests.support.fakes import MESSAGE
from tests.support.speech import SPEECH
from tests.support.twilio_server import TOKEN, key_press_url, sign, spoken_texts

BASE = "https://otp.example.com"
CALLS_URL = f"{BASE}/callbacks/twilio/calls?delivery={MESSAGE.delivery_id}"
SPOKEN_URL = f"{CALLS_URL}&spoken=8"
PEPPER, OTHER_PEPPER = Pepper(b"p" * 32), Pepper(b"q" * 32)
NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
CALL = {"CallSid": "CA" + "1" * 32, "To": "+919445012345"}


def receive(receiver, url, form, signed_url=None):
    headers = {"x-twilio-signature": sign(signed_url or url, form)}
    receiver.check_headers(headers)
    query = dict(parse_qsl(urlsplit(url).query))
    return receiver.receive(
        ReportRequest(url=url, headers=headers, query=query, form=form)
    )


@pytest.fixture
def receiver():
    return CallReportReceiver(TOKEN)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("queued", DeliveryStatus.QUEUED),
        ("initiated", DeliveryStatus.QUEUED),
        ("ringing", DeliveryStatus.SENT),
        ("in-progress", DeliveryStatus.SENT),
        ("busy", DeliveryStatus.UNDELIVERED),
        ("no-answer", DeliveryStatus.UNDELIVERED),
        ("canceled", DeliveryStatus.UNDELIVERED),
        ("failed", DeliveryStatus.FAILED),
    ],
)
def test_status_of_a_call_is_reported(receiver, text, status):
    form = CALL | {"CallStatus": text, "SequenceNumber": "1"}

    [report] = receive(receiver, CALLS_URL, form).reports

    assert report == DeliveryReport(
        delivery_id=MESSAGE.delivery_id,
        message_id=CALL["CallSid"],
        status=status,
        provider="twilio",
        channel=Channel.CALL,
        to="+919445012345",
    )


@pytest.mark.parametrize(
    ("url", "duration", "status"),
    [
        (SPOKEN_URL, "8", DeliveryStatus.DELIVERED),
        (SPOKEN_URL, "31", DeliveryStatus.DELIVERED),
        (SPOKEN_URL, "7", DeliveryStatus.UNDELIVERED),
        (SPOKEN_URL, "", DeliveryStatus.UNDELIVERED),
        (CALLS_URL, "31", DeliveryStatus.UNDELIVERED),
    ],
)
def test_completed_call_is_delivered_if_the_code_was_spoken(
    receiver, url, duration, status
):
    form = CALL | {"CallStatus": "completed", "CallDuration": duration}

    [report] = receive(receiver, url, form).reports

    assert report.status is status


@pytest.mark.parametrize("code", ["12100", "12200", "13511", "13520", "13521", "32018"])
def test_call_with_an_unspoken_text_is_undelivered_and_logged(receiver, code, caplog):
    form = CALL | {"CallStatus": "completed", "CallDuration": "20", "ErrorCode": code}

    [report] = receive(receiver, SPOKEN_URL, form).reports

    assert report.status is DeliveryStatus.UNDELIVERED
    assert report.provider_error == int(code)
    assert "check the voice in TWILIO_CALL_VOICES" in caplog.text


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"SipResponseCode": "404"}, "sip_404"),
        ({"SipResponseCode": "487", "ErrorCode": "32017"}, 32017),
        ({"ErrorCode": "13224"}, 13224),
        ({}, None),
    ],
)
def test_failed_call_has_the_error_of_twilio_or_of_the_network(receiver, fields, error):
    form = CALL | {"CallStatus": "failed"} | fields

    [report] = receive(receiver, CALLS_URL, form).reports

    assert report.provider_error == error


def test_unknown_status_of_a_call_is_ignored(receiver):
    reply = receive(receiver, CALLS_URL, CALL | {"CallStatus": "levitating"})

    assert reply.reports == ()


def test_longer_spoken_time_in_the_url_breaks_the_signature(receiver):
    form = CALL | {"CallStatus": "completed", "CallDuration": "2"}

    with pytest.raises(Unauthorized):
        receive(receiver, f"{CALLS_URL}&spoken=1", form, signed_url=SPOKEN_URL)


@pytest.fixture
def pressed_url(twilio, twilio_settings, client):
    """The URL of the key press of a call, as Twilio gets it."""
    settings = replace(twilio_settings, calls=TwilioCalls(from_="+15005550006"))
    provider = TwilioProvider(settings, client, callback_url=BASE, pepper=PEPPER)
    message = replace(
        MESSAGE,
        channel=Channel.CALL,
        speech=SPEECH,
        expires_at=NOW + timedelta(minutes=10),
    )
    provider.send(message)
    return key_press_url(twilio.calls[0]["Twiml"])


def key_presses(*peppers, now=NOW):
    return KeyPressReceiver(TOKEN, peppers or (PEPPER,), {}, utcnow=lambda: now)


PRESS = CALL | {"Digits": "5", "CallStatus": "in-progress"}
CODE = "Your Acme code is 1, 2, 3, 4, 5, 6."


def test_key_press_gets_the_code_and_reports_the_delivery(pressed_url):
    reply = receive(key_presses(), pressed_url, PRESS)

    assert spoken_texts(reply.body)[0] == CODE
    assert reply.content_type.startswith("text/xml")
    [report] = reply.reports
    assert report.status is DeliveryStatus.DELIVERED
    assert (report.delivery_id, report.message_id, report.channel) == (
        MESSAGE.delivery_id,
        CALL["CallSid"],
        Channel.CALL,
    )


def test_repeated_key_press_gets_the_code_again(pressed_url):
    receiver = key_presses()
    receive(receiver, pressed_url, PRESS)

    reply = receive(receiver, pressed_url, PRESS | {"Digits": "#"})

    assert spoken_texts(reply.body)[0] == CODE


def test_key_press_after_a_rotation_of_the_pepper_gets_the_code(pressed_url):
    reply = receive(key_presses(OTHER_PEPPER, PEPPER), pressed_url, PRESS)

    assert spoken_texts(reply.body)[0] == CODE


@pytest.mark.parametrize(
    "receiver",
    [key_presses(now=NOW + timedelta(minutes=10)), key_presses(OTHER_PEPPER)],
    ids=["expired", "other pepper"],
)
def test_key_press_without_a_live_code_ends_the_call(receiver, pressed_url):
    reply = receive(receiver, pressed_url, PRESS)

    assert spoken_texts(reply.body) == []
    assert "<Hangup" in reply.body
    assert reply.reports == ()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (MESSAGE.delivery_id, "cd" * 20),
        (f"delivery={MESSAGE.delivery_id}&", ""),
        ("text=", "text=A"),
        ("text=", "other="),
        ("text=", "text=%C3%A9"),
    ],
    ids=["other delivery", "no delivery", "changed", "no text", "no base64"],
)
def test_token_of_another_call_ends_the_call(pressed_url, old, new):
    reply = receive(key_presses(), pressed_url.replace(old, new), PRESS)

    assert spoken_texts(reply.body) == []


def test_key_press_of_another_sender_is_rejected(pressed_url):
    with pytest.raises(Unauthorized):
        receive(key_presses(), pressed_url, PRESS, signed_url=f"{pressed_url}x")


@pytest.mark.parametrize(
    "receiver",
    [key_presses(), CallReportReceiver(TOKEN)],
    ids=["key presses", "calls"],
)
@pytest.mark.parametrize("headers", [{}, {"x-twilio-signature": "short"}])
def test_request_without_signature_is_rejected_by_its_headers(receiver, headers):
    with pytest.raises(Unauthorized):
        receiver.check_headers(headers)


def test_log_of_key_presses_contains_no_code_and_no_token(pressed_url, caplog):
    receive(key_presses(), pressed_url, PRESS)
    receive(key_presses(OTHER_PEPPER), pressed_url, PRESS)

    assert "a key press on an unknown or expired code" in caplog.text
    for text in ("123456", "1, 2, 3", "9445012345", "text="):
        assert text not in caplog.text
