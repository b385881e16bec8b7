from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from otp_engine.domain.messages.inbox import InboxMessage
from otp_engine.domain.models import Channel
from otp_engine.web import inbox
from tests.support import twilio_server

PHONE = "+919445012345"
KEY = {"Authorization": "Bearer shop-secret-0123456789abcdef"}
TWILIO = {
    "OTP_API_KEYS": "shop:shop-secret-0123456789abcdef",
    "TWILIO_ACCOUNT_SID": twilio_server.ACCOUNT,
    "TWILIO_AUTH_TOKEN": twilio_server.TOKEN,
    "TWILIO_FROM": "+15005550006",
}


def send(client, phone=PHONE, **fields):
    return client.post("/auth/send_otp", json={"phone": phone} | fields, headers=KEY)


def messages(client, **query):
    return client.get("/dev/inbox.json", query_string=query).json["messages"]


def test_sent_message_is_listed_with_its_details(client):
    send(client, locale="pt-BR")

    [message] = messages(client)

    assert message["body"].startswith(f"{message['code']}: seu codigo")
    details = {name: message[name] for name in ("to", "channel", "locale", "segments")}
    assert details == {"to": PHONE, "channel": "sms", "locale": "pt-BR", "segments": 1}
    assert (message["age"], message["ago"]) == (0, "just now")
    assert message["state"] == "pending"


def test_listed_code_is_approved(client):
    send(client)
    [message] = messages(client)

    response = client.post(
        "/auth/verify_otp", json={"phone": PHONE, "otp": message["code"]}
    )

    assert response.json == {"VerificationStatus": "approved"}
    assert messages(client)[0]["state"] == "approved"


def test_query_filters_messages_by_number(client):
    send(client)
    send(client, "+919445067890")

    assert [message["to"] for message in messages(client)] == ["+919445067890", PHONE]
    assert [message["to"] for message in messages(client, to=PHONE)] == [PHONE]


def test_page_shows_code_number_and_language(client):
    send(client, locale="ar")
    [message] = messages(client)

    page = client.get("/dev/inbox").text

    assert message["code"] in page
    assert PHONE in page
    assert 'dir="auto" lang="ar"' in page


def test_empty_inbox_explains_how_to_send(client):
    page = client.get("/dev/inbox").text

    assert "No messages yet" in page
    assert messages(client) == []


@pytest.mark.parametrize(
    "environ",
    [
        TWILIO,
        TWILIO | {"OTP_SENDER": "console,twilio"},
        {
            "OTP_DEV": "0",
            "OTP_ARGON2": "light",
            "REDIS_URL": "redis://127.0.0.1:1",
            "OTP_PEPPER": base64.b64encode(bytes(range(32))).decode(),
            "OTP_SENDER": "console",
            "OTP_ALLOW_ANONYMOUS": "1",
        },
    ],
)
def test_inbox_is_404_outside_of_dev_mode_or_with_a_real_provider(app_with, environ):
    client = app_with(**environ).test_client()

    assert client.get("/dev/inbox").status_code == 404
    assert client.get("/dev/inbox.json").status_code == 404


def test_disabled_inbox_stores_no_message(app_with, redis):
    client = app_with(**TWILIO, TWILIO_API_BASE_URL="http://127.0.0.1:1").test_client()

    send(client)

    assert [key for key in redis.keys("*") if b"inbox" in key] == []


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:3000", 200),
        ("127.0.0.1:3000", 200),
        ("[::1]:3000", 200),
        ("otp-engine:3000", 200),
        ("evil.example.com", 404),
        ("127.0.0.1.evil.example", 404),
    ],
)
def test_inbox_rejects_public_host_names(client, host, status):
    for path in ("/dev/inbox", "/dev/inbox.json"):
        assert client.get(path, headers={"Host": host}).status_code == status


@pytest.mark.parametrize(
    ("age", "text"),
    [(1, "just now"), (59, "59 s ago"), (61, "1 min ago"), (7_300, "2 h ago")],
)
def test_age_of_a_message_is_formatted(age, text):
    now = datetime(2026, 2, 3, 12, tzinfo=UTC)
    stored = InboxMessage(
        sent_at=now - timedelta(seconds=age),
        expires_at=now,
        to=PHONE,
        channel=Channel.SMS,
        locale=None,
        body="123456",
        code="123456",
        verification_id=b"0" * 16,
    )
    app = Flask(__name__)
    app.register_blueprint(inbox.blueprint(lambda: [stored], lambda: now, verify=False))

    [message] = messages(app.test_client())

    assert (message["age"], message["ago"]) == (age, text)
