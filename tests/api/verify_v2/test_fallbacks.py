"""Fallbacks of messages that clients of `/v2` requested."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from otp_engine import config
from otp_engine.app import create_app
from otp_engine.composition import background
from otp_engine.store import keys
from tests.support import redis_server, time_travel, twilio_server
from tests.support.settings import RELAXED
from tests.support.twilio_server import requested_url, sign
from tests.support.verify_client import ACCOUNT, SERVICE, TO, TOKEN, Verify

MINUTE = timedelta(minutes=1)
SETTINGS = RELAXED | {
    "OTP_PUBLIC_URL": "https://otp.example.com",
    "OTP_API_KEYS": f"{ACCOUNT}:{TOKEN}",
    "OTP_ROUTES": "IN=whatsapp:twilio>sms:twilio",
    "OTP_TTL": "10m",
    "OTP_SENDER": "twilio",
    "TWILIO_ACCOUNT_SID": twilio_server.ACCOUNT,
    "TWILIO_AUTH_TOKEN": twilio_server.TOKEN,
    "TWILIO_MESSAGING_SERVICE_SID": twilio_server.SERVICE,
    "TWILIO_WHATSAPP_CONTENT": f"en=HX{'e' * 32}",
}


@pytest.fixture
def twilio():
    with twilio_server.running() as twilio:
        yield twilio


@pytest.fixture
def client(store, twilio):
    settings = config.load(SETTINGS | {"TWILIO_API_BASE_URL": twilio.url})
    app = create_app(settings, store=store)
    due = background.start(app)
    yield app.test_client()
    due.stop()


@pytest.fixture
def verify(client):
    return Verify(client)


def fall_back(client, twilio, store, redis):
    """Report the message as undelivered, and wait until its fallback has ended."""
    [message] = twilio.messages
    url = requested_url(message["StatusCallback"])
    form = {
        "To": message["To"],
        "From": "whatsapp:+15005550006",
        "MessageStatus": "failed",
    }
    parts = urlsplit(url)
    store.events.flush(timeout=60)
    client.post(
        f"{parts.path}?{parts.query}",
        data=form | {"MessageSid": "SM1"},
        headers={"X-Twilio-Signature": sign(url, form | {"MessageSid": "SM1"})},
    )
    redis_server.wait_until(lambda: twilio.has(2))
    redis_server.wait_until(lambda: not redis.exists(keys.DUE_FALLBACKS))


def test_code_of_a_fallback_is_checked_by_sid_as_long_as_it_is_live(
    client, verify, twilio, store, redis
):
    sid = verify.send(Channel="auto").body["sid"]
    time_travel.age(redis, 6 * MINUTE)
    fall_back(client, twilio, store, redis)

    time_travel.age(redis, 6 * MINUTE)
    response = verify.check(twilio.code_to(TO), VerificationSid=sid)

    assert (response.status, response.body["status"]) == (200, "approved")


def test_fallback_is_an_attempt_of_its_verification(
    client, verify, twilio, store, redis
):
    sid = verify.send(Channel="auto").body["sid"]

    fall_back(client, twilio, store, redis)

    body = verify.get(f"/v2/Services/{SERVICE}/Verifications/{sid}").body
    channels = [each["channel"] for each in body["send_code_attempts"]]
    assert (channels, body["channel"]) == (["whatsapp", "sms"], "sms")
