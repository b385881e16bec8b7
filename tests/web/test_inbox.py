from __future__ import annotations

import base64
import re
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from otp_engine.domain.messages.inbox import InboxMessage, SimulatedOutcome
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

    assert message["body"].startswith(f"{message['code']} é seu codigo")
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


OTHER = "+919445067890"


@pytest.mark.parametrize("number", [PHONE, " 919445012345", "919445012345"])
def test_query_filters_messages_by_number(client, number):
    send(client)
    send(client, OTHER)

    assert [message["to"] for message in messages(client)] == [OTHER, PHONE]
    assert [message["to"] for message in messages(client, to=number)] == [PHONE]


@pytest.mark.parametrize("number", ["+91944501234", "+9194450123456", "9445012345"])
def test_query_for_another_number_matches_nothing(client, number):
    send(client)

    assert messages(client, to=number) == []


def test_number_with_unencoded_plus_is_found(client):
    send(client)

    response = client.get(f"/dev/inbox.json?to={PHONE}")

    assert [message["to"] for message in response.json["messages"]] == [PHONE]


@pytest.mark.parametrize(
    "text", ["12345", "94450 12345", "094450-12345", "+91 94450", "is your otp ENGINE"]
)
def test_search_finds_parts_of_number_and_text(client, text):
    send(client)

    [found] = messages(client, search=text)

    assert found["to"] == PHONE
    assert PHONE in client.get("/dev/inbox", query_string={"search": text}).text


@pytest.mark.parametrize("text", ["67890", "no such text", "+1"])
def test_search_without_match_is_explained(client, text):
    send(client)

    page = client.get("/dev/inbox", query_string={"search": text}).text

    assert messages(client, search=text) == []
    assert "No message matches" in page
    assert PHONE not in page


def test_search_of_the_page_is_kept_and_escaped(client):
    page = client.get("/dev/inbox", query_string={"search": '"><b>'}).text

    assert 'value="&#34;&gt;&lt;b&gt;"' in page


def test_title_has_the_number_of_messages(client):
    empty = client.get("/dev/inbox").text
    send(client)
    send(client, OTHER)

    assert "<title>Inbox" in empty
    assert "<title>(2) Inbox" in client.get("/dev/inbox").text


def test_pending_code_shows_when_it_expires(client):
    send(client)
    [message] = messages(client)

    page = client.get("/dev/inbox").text

    assert 595 <= message["expires_in"] <= 600
    assert re.search(r"expires in (10:00|9:5\d)", page)


def test_approved_code_shows_no_expiry(client):
    send(client)
    code = messages(client)[0]["code"]
    client.post("/auth/verify_otp", json={"phone": PHONE, "otp": code})

    page = client.get("/dev/inbox").text

    assert messages(client)[0]["expires_in"] == 0
    assert "· expires in" not in page


def test_button_deletes_all_messages(client):
    send(client)

    response = client.post("/dev/inbox")

    assert (response.status_code, response.location) == (303, "/dev/inbox")
    assert messages(client) == []


def test_json_form_deletes_all_messages(client):
    send(client)

    response = client.delete("/dev/inbox.json")

    assert (response.status_code, response.text) == (204, "")
    assert messages(client) == []


def test_deleted_message_can_still_be_verified(client):
    send(client)
    code = messages(client)[0]["code"]
    client.delete("/dev/inbox.json")

    response = client.post("/auth/verify_otp", json={"phone": PHONE, "otp": code})

    assert response.json == {"VerificationStatus": "approved"}


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:5173"},
    ],
)
def test_page_of_another_origin_deletes_nothing(client, headers):
    send(client)

    statuses = [
        client.post("/dev/inbox", headers=headers).status_code,
        client.delete("/dev/inbox.json", headers=headers).status_code,
    ]

    assert statuses == [403, 403]
    assert len(messages(client)) == 1


def test_page_links_to_reference_and_verify_page(client):
    page = client.get("/dev/inbox").text

    for path in ("/docs", "/verify", "/dev/inbox.json"):
        assert f'href="{path}"' in page


def test_page_shows_code_number_and_language(client):
    send(client, locale="ar")
    [message] = messages(client)

    page = client.get("/dev/inbox").text

    assert message["code"] in page
    assert PHONE in page
    assert 'dir="auto" lang="ar"' in page


@pytest.mark.parametrize("host", ["localhost:3471", "127.0.0.1:8080", "[::1]:3000"])
def test_empty_inbox_explains_how_to_send_to_this_server(client, host):
    page = client.get("/dev/inbox", headers={"Host": host}).text

    assert "No messages yet" in page
    assert f"curl http://{host}/auth/send_otp" in page
    assert messages(client) == []


def test_empty_inbox_shows_the_public_url(app_with):
    url = "https://otp.example.com/otp"
    client = app_with(OTP_PUBLIC_URL=url).test_client()

    page = client.get("/dev/inbox").text

    assert f"curl {url}/auth/send_otp" in page


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
    assert client.post("/dev/inbox").status_code == 404
    assert client.post("/dev/inbox/provider").status_code == 404
    assert client.delete("/dev/inbox.json").status_code == 404


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


def test_foreign_host_name_deletes_nothing(client):
    send(client)

    response = client.delete("/dev/inbox.json", headers={"Host": "evil.example.com"})

    assert response.status_code == 404
    assert len(messages(client)) == 1


class FixedMessages:
    """An inbox with messages that do not change."""

    def __init__(self, messages):
        self.messages = messages

    def list_messages(self):
        return self.messages

    def clear(self):
        raise NotImplementedError

    def simulated_outcomes(self):
        return dict.fromkeys(Channel, SimulatedOutcome.ACCEPTED)

    def simulate(self, outcome, channel=None):
        raise NotImplementedError


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
    store = FixedMessages([stored])
    page = inbox.blueprint(store, lambda: now, public_url=None, verify=False)
    app.register_blueprint(page)

    [message] = messages(app.test_client())

    assert (message["age"], message["ago"]) == (age, text)


@pytest.mark.parametrize(
    "to", ["person+tag@example.com", "person tag@example.com", "Person+Tag@example.com"]
)
def test_query_filters_messages_by_email_address(client, to):
    client.post("/auth/send_otp", json={"email": "person+tag@example.com"})
    client.post("/auth/send_otp", json={"email": "other@example.com"})

    [message] = messages(client, to=to)

    assert (message["to"], message["channel"]) == ("person+tag@example.com", "email")


def test_search_finds_part_of_an_email_address(client):
    client.post("/auth/send_otp", json={"email": "person@example.com"})

    [found] = messages(client, search="Person@exam")

    assert found["to"] == "person@example.com"
