"""What Twilio reports of messages that it had accepted."""

from __future__ import annotations

import pytest
from twilio.request_validator import RequestValidator

from otp_engine import config
from otp_engine.app import create_app
from otp_engine.domain.events import MessageDelivered, MessageUndelivered
from tests.support import twilio_server
from tests.support.metrics_page import values
from tests.support.settings import RELAXED

PUBLIC = "https://otp.example.com"
CALLBACK = f"{PUBLIC}/callbacks/twilio"
KEY = {"Authorization": "Bearer shop-secret-0123456789abcdef"}
TWILIO = {
    "OTP_PUBLIC_URL": PUBLIC,
    "OTP_API_KEYS": "shop:shop-secret-0123456789abcdef",
    "TWILIO_ACCOUNT_SID": twilio_server.ACCOUNT,
    "TWILIO_AUTH_TOKEN": twilio_server.TOKEN,
    "TWILIO_MESSAGING_SERVICE_SID": twilio_server.SERVICE,
}
REPORT = {
    "MessageSid": "SM" + "2" * 32,
    "AccountSid": twilio_server.ACCOUNT,
    "To": "+919445012345",
    "From": "+15005550006",
    "ApiVersion": "2010-04-01",
}
SHAPED = "x" * 27 + "="
"""What a signature looks like."""
DELIVERIES = "otp_deliveries_total{{channel=sms,country=IN,outcome={}}}"


@pytest.fixture
def client(new_app):
    # The tests compare counters of the app with absolute values.
    return new_app(**TWILIO).test_client()


def signed(report, url=CALLBACK, token=twilio_server.TOKEN):
    return {
        "X-Twilio-Signature": RequestValidator(token).compute_signature(url, report)
    }


def report(client, status, **more):
    told = REPORT | {"MessageStatus": status} | more
    return client.post("/callbacks/twilio", data=told, headers=signed(told))


def happened(store):
    return [one.event for one in store.events.since(None)]


def counted(client, outcome):
    page = values(client.get("/metrics").text)
    return page.get(DELIVERIES.format(outcome), 0)


def test_a_message_that_arrived_is_told_and_counted(client, store):
    answer = report(client, "delivered")

    [event] = happened(store)
    assert (answer.status_code, answer.data) == (204, b"")
    assert isinstance(event, MessageDelivered)
    assert (event.recipient.country, event.recipient.prefix) == ("IN", "+91944")
    assert counted(client, "delivered") == 1


@pytest.mark.parametrize("status", ["undelivered", "failed"])
def test_a_message_that_was_lost_is_told_with_the_carriers_number(
    client, store, status
):
    report(client, status, ErrorCode="30003")

    [event] = happened(store)
    assert isinstance(event, MessageUndelivered)
    assert event.provider_error == 30003
    assert counted(client, "undelivered") == 1


def test_a_report_that_comes_twice_is_told_once(client, store):
    for _ in range(3):
        assert report(client, "delivered").status_code == 204

    assert counted(client, "delivered") == 1
    assert len(happened(store)) == 1


def test_a_report_on_another_channel_is_heard_and_nothing_of_ours(client, store):
    answer = report(client, "delivered", To="whatsapp:+919445012345")

    assert answer.status_code == 204
    assert happened(store) == []


@pytest.mark.parametrize("status", ["queued", "sending", "sent", "read", ""])
def test_a_message_on_its_way_is_no_news(client, store, status):
    assert report(client, status).status_code == 204
    assert happened(store) == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Twilio-Signature": ""},
        {"X-Twilio-Signature": SHAPED},
        signed(REPORT | {"MessageStatus": "delivered"}, token="another"),
        signed(REPORT | {"MessageStatus": "sent"}),
        signed(
            REPORT | {"MessageStatus": "delivered"}, url="https://elsewhere.example"
        ),
    ],
)
def test_a_report_that_is_not_twilios_is_refused(client, store, headers):
    forged = REPORT | {"MessageStatus": "delivered"}

    answer = client.post("/callbacks/twilio", data=forged, headers=headers)

    assert (answer.status_code, answer.json["error"]) == (401, "unauthorized")
    assert happened(store) == []


class Unread:
    """A body that must not be read, as one that a client holds back."""

    def read(self, *_):
        raise AssertionError("the body was read")

    readline = readinto = read


@pytest.mark.parametrize(
    ("headers", "length", "status", "error"),
    [
        ({}, "400", 401, "unauthorized"),
        ({"X-Twilio-Signature": ""}, "400", 401, "unauthorized"),
        ({"X-Twilio-Signature": "x"}, "400", 401, "unauthorized"),
        ({"X-Twilio-Signature": "bm8="}, "400", 401, "unauthorized"),
        ({"X-Twilio-Signature": "x" * 28}, "400", 401, "unauthorized"),
        ({"X-Twilio-Signature": "-" * 27 + "="}, "400", 401, "unauthorized"),
        ({"X-Twilio-Signature": "x" * 28 + "="}, "400", 401, "unauthorized"),
        ({"X-Twilio-Signature": SHAPED}, "4097", 413, "body_too_large"),
        (
            {"X-Twilio-Signature": SHAPED, "Transfer-Encoding": "chunked"},
            "",
            400,
            "invalid_request",
        ),
    ],
)
def test_what_the_headers_show_is_refused_before_the_body_is_read(
    client, headers, length, status, error
):
    environ = {
        "wsgi.input": Unread(),
        "wsgi.input_terminated": True,
        "CONTENT_LENGTH": length,
    }

    answer = client.post(
        "/callbacks/twilio",
        content_type="application/x-www-form-urlencoded",
        headers=headers,
        environ_overrides=environ,
    )

    assert (answer.status_code, answer.json["error"]) == (status, error)


def test_refused_reports_keep_no_place(client, store):
    forged = {"X-Twilio-Signature": SHAPED}
    for _ in range(9):
        client.post("/callbacks/twilio", data=REPORT, headers=forged)

    assert report(client, "delivered").status_code == 204


def test_a_report_of_four_kilobytes_is_heard(client, store):
    # More than Twilio sends; its longest values are a few hundred characters.
    report(client, "delivered", ErrorMessage="x" * 3_500)

    assert len(happened(store)) == 1


def test_no_number_is_in_the_log(client, caplog):
    caplog.set_level("INFO")

    report(client, "delivered")

    assert "9445012345" not in caplog.text


@pytest.mark.parametrize(
    "missing",
    [
        {"OTP_PUBLIC_URL": ""},
        {"OTP_PUBLIC_URL": "http://localhost:3000"},
        {"OTP_PUBLIC_URL": "https://otp_engine.example.com"},
        {"OTP_PUBLIC_URL": "https://localhost:3000"},
        {"OTP_PUBLIC_URL": "https://127.0.0.1"},
        {"OTP_PUBLIC_URL": "https://10.0.0.4"},
        {"OTP_PUBLIC_URL": "https://otp"},
        {"OTP_PUBLIC_URL": "https://otp.internal"},
        {
            "TWILIO_AUTH_TOKEN": "",
            "TWILIO_API_KEY": "SK" + "3" * 32,
            "TWILIO_API_SECRET": "secret",
        },
    ],
)
def test_where_twilio_could_not_report_or_be_believed_there_is_nothing(
    app_with, missing
):
    http = app_with(**TWILIO | missing).test_client()

    assert report(http, "delivered").status_code == 404


@pytest.mark.parametrize(
    ("public_url", "told"), [(PUBLIC, CALLBACK), ("http://localhost:3000", None)]
)
def test_twilio_is_told_where_to_report(store, public_url, told):
    with twilio_server.running() as twilio:
        environ = (
            RELAXED
            | TWILIO
            | {
                "TWILIO_API_BASE_URL": twilio.url,
                "OTP_PUBLIC_URL": public_url,
            }
        )
        http = create_app(config.load(environ), store=store).test_client()

        http.post("/auth/send_otp", json={"phone": "9445012345"}, headers=KEY)

        [message] = twilio.messages
    assert message.get("StatusCallback") == told
