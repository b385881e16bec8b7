"""WhatsApp and calls by Twilio, from a request of a client to the entered code."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from otp_engine import config
from otp_engine.app import create_app
from otp_engine.composition import background
from otp_engine.domain.messages.delivery_reports import DeliveryStatus
from tests.support import redis_server, twilio_server
from tests.support.settings import RELAXED
from tests.support.twilio_server import (
    key_press_url,
    refuse,
    requested_url,
    sign,
    spoken_texts,
)

PUBLIC = "https://otp.example.com"
KEY = {"Authorization": "Bearer shop-secret-0123456789abcdef"}
PHONE = "+919445012345"
TWILIO = {
    "OTP_PUBLIC_URL": PUBLIC,
    "OTP_API_KEYS": "shop:shop-secret-0123456789abcdef",
    "OTP_SENDER": "twilio",
    "TWILIO_ACCOUNT_SID": twilio_server.ACCOUNT,
    "TWILIO_AUTH_TOKEN": twilio_server.TOKEN,
    "TWILIO_MESSAGING_SERVICE_SID": twilio_server.SERVICE,
    "TWILIO_WHATSAPP_CONTENT": f"en=HX{'e' * 32}, hi=HX{'b' * 32}",
    "TWILIO_CALL_FROM": "+15005550006",
}

WHATSAPP_NUMBER = {"TWILIO_WHATSAPP_FROM": "+14155550100"}


@pytest.fixture
def twilio():
    with twilio_server.running() as twilio:
        yield twilio


@pytest.fixture
def new_client(store, twilio):
    started = []

    def build(**environ):
        settings = RELAXED | TWILIO | {"TWILIO_API_BASE_URL": twilio.url} | environ
        app = create_app(config.load(settings), store=store)
        started.append(background.start(app))
        return app.test_client()

    yield build
    for due in started:
        due.stop()


def send(client, **fields):
    return client.post("/auth/send_otp", json={"phone": PHONE, **fields}, headers=KEY)


def check(client, code):
    body = {"phone": PHONE, "otp": code}
    response = client.post("/auth/verify_otp", json=body, headers=KEY)
    return response.json["VerificationStatus"]


def post(client, url, form):
    """Post *form* to a URL of the service as Twilio does."""
    assert url.startswith(PUBLIC)
    parts = urlsplit(url)
    headers = {"X-Twilio-Signature": sign(url, form)}
    return client.post(f"{parts.path}?{parts.query}", data=form, headers=headers)


def press_key(client, call):
    return post(client, key_press_url(call["Twiml"]), {"CallSid": "CA1", "Digits": "1"})


def spoken_code(document):
    [first, *_] = spoken_texts(document)
    return re.sub("[^0-9]", "", first)


def test_code_on_whatsapp_is_approved(new_client, twilio):
    client = new_client()

    assert send(client, channel="whatsapp").status_code == 201

    [message] = twilio.messages
    assert message["To"] == f"whatsapp:{PHONE}"
    assert check(client, json.loads(message["ContentVariables"])["1"]) == "approved"


def test_number_without_whatsapp_gets_the_same_code_as_a_text_message(
    new_client, twilio
):
    client = new_client(OTP_ROUTES="IN=whatsapp:twilio>sms:twilio")

    def refuse_whatsapp(handler):
        if handler.form["To"].startswith("whatsapp:"):
            refuse(400, 63024)(handler)
        else:
            handler.accept()

    twilio.behave = refuse_whatsapp

    assert send(client).status_code == 201
    on_whatsapp, text = twilio.messages
    code = json.loads(on_whatsapp["ContentVariables"])["1"]
    assert code in text["Body"]
    assert check(client, code) == "approved"


def report(client, sent, status, **more):
    """Post a status of a message or a call to its callback URL."""
    name = "CallStatus" if "Twiml" in sent else "MessageStatus"
    form = {"To": sent["To"], "From": sent["From"], name: status, **more}
    return post(client, requested_url(sent["StatusCallback"]), form)


@pytest.mark.parametrize(
    ("status", "code"), [("undelivered", "63024"), ("failed", "63016")]
)
def test_undelivered_whatsapp_message_falls_back_to_the_next_step(
    new_client, twilio, status, code
):
    client = new_client(OTP_ROUTES="IN=whatsapp:twilio>sms:twilio", **WHATSAPP_NUMBER)
    send(client)
    [message] = twilio.messages

    for _ in range(2):
        report(client, message, status, ErrorCode=code, MessageSid="SM1")

    redis_server.wait_until(lambda: twilio.has(2))
    assert len(twilio.messages) == 2
    assert check(client, twilio.code_to(PHONE)) == "approved"


@pytest.mark.parametrize(
    ("status", "fields"),
    [("busy", {}), ("completed", {"CallDuration": "9"}), ("failed", {})],
)
def test_call_without_a_key_press_falls_back_to_the_next_step(
    new_client, twilio, status, fields
):
    client = new_client(OTP_ROUTES="IN=call:twilio>sms:twilio")
    send(client)
    [call] = twilio.calls

    report(client, call, status, CallSid="CA1", SequenceNumber="3", **fields)

    redis_server.wait_until(lambda: twilio.has(1))
    assert check(client, twilio.code_to(PHONE)) == "approved"


def test_call_with_a_key_press_has_no_fallback_when_it_ends(new_client, twilio, store):
    client = new_client(OTP_ROUTES="IN=call:twilio>sms:twilio")
    send(client)
    [call] = twilio.calls
    press_key(client, call)

    report(client, call, "completed", CallSid="CA1", CallDuration="25")

    delivery = parse_qs(urlsplit(call["StatusCallback"]).query)["delivery"][0]
    tag = delivery[:24]
    # The thread that writes events stores it.
    redis_server.wait_until(lambda: store.deliveries.list_deliveries(tag))
    [stored] = store.deliveries.list_deliveries(tag)
    assert stored.status is DeliveryStatus.DELIVERED
    assert store.deliveries.claim_fallbacks(1, lease=timedelta(seconds=1)) == []


def test_chosen_whatsapp_without_whatsapp_is_an_error_with_its_name(new_client, twilio):
    client = new_client()
    twilio.behave = refuse(400, 63024)

    response = send(client, channel="whatsapp")

    assert response.json["error"] == "recipient_not_on_channel"
    assert len(twilio.messages) == 1


def test_template_follows_the_locale_of_the_client(new_client, twilio):
    send(new_client(), channel="whatsapp", locale="hi")

    assert twilio.messages[0]["ContentSid"] == "HX" + "b" * 32


def test_code_of_a_call_is_spoken_after_a_key_press_and_approved(new_client, twilio):
    client = new_client()

    assert send(client, channel="call").status_code == 201
    [call] = twilio.calls
    response = press_key(client, call)

    assert response.content_type.startswith("text/xml")
    assert check(client, spoken_code(response.text)) == "approved"


def test_code_is_in_neither_the_first_document_nor_the_urls_of_a_call(
    new_client, twilio, caplog
):
    client = new_client()
    send(client, channel="call")
    [call] = twilio.calls
    code = spoken_code(press_key(client, call).text)

    assert code not in json.dumps(call)
    assert ", ".join(code) not in json.dumps(call)
    assert code not in caplog.text
    assert PHONE not in caplog.text


def test_call_without_a_public_url_speaks_its_code_at_once(new_client, twilio):
    client = new_client(OTP_PUBLIC_URL="")

    send(client, channel="call")

    [call] = twilio.calls
    assert check(client, spoken_code(call["Twiml"])) == "approved"


def test_call_is_in_the_language_of_the_client(new_client, twilio):
    client = new_client()

    send(client, channel="call", locale="hi")

    assert 'language="hi-IN"' in twilio.calls[0]["Twiml"]
    assert 'language="hi-IN"' in press_key(client, twilio.calls[0]).text


@pytest.mark.parametrize("locale", ["hr", "et"])
def test_call_in_a_language_without_a_voice_is_in_english(new_client, twilio, locale):
    send(new_client(), channel="call", locale=locale)

    assert 'language="en-IN"' in twilio.calls[0]["Twiml"]


def test_key_press_without_a_signature_is_rejected(new_client, twilio):
    client = new_client()
    send(client, channel="call")
    parts = urlsplit(key_press_url(twilio.calls[0]["Twiml"]))

    response = client.post(f"{parts.path}?{parts.query}", data={"Digits": "1"})

    assert response.status_code == 401


@pytest.mark.parametrize("base", ["https://hooks.example.com/otp", f"{PUBLIC}/codes"])
def test_key_press_at_another_base_url_gets_the_code(new_client, twilio, base):
    client = new_client(OTP_CALLBACK_URL=base)
    send(client, channel="call")
    url = key_press_url(twilio.calls[0]["Twiml"])
    form = {"CallSid": "CA1", "Digits": "1"}
    path = url.removeprefix("https://hooks.example.com").removeprefix(PUBLIC)

    response = client.post(
        path, data=form, headers={"X-Twilio-Signature": sign(url, form)}
    )

    assert check(client, spoken_code(response.text)) == "approved"
