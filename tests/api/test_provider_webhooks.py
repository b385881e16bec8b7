"""Delivery reports of Twilio at `/callbacks/twilio`."""

from __future__ import annotations

import re
from threading import BoundedSemaphore

import pytest
from twilio.request_validator import RequestValidator

from otp_engine import config
from otp_engine.api import error_handlers, provider_webhooks
from otp_engine.app import create_app
from otp_engine.composition.flask_app import build_flask
from otp_engine.domain.events import MessageDelivered, MessageRead, MessageUndelivered
from otp_engine.errors import Unauthorized
from otp_engine.senders.reports import Reply
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
# The format of a signature.
WELL_FORMED = "x" * 27 + "="
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
    form = REPORT | {"MessageStatus": status} | more
    return client.post("/callbacks/twilio", data=form, headers=signed(form))


def emitted_events(store):
    return [entry.event for entry in store.events.since(None)]


def delivery_count(client, outcome):
    page = values(client.get("/metrics").text)
    return page.get(DELIVERIES.format(outcome), 0)


def test_delivered_report_emits_and_counts_event(client, store):
    response = report(client, "delivered")

    [event] = emitted_events(store)
    assert (response.status_code, response.data) == (204, b"")
    assert isinstance(event, MessageDelivered)
    assert (event.recipient.country, event.recipient.prefix) == ("IN", "+91944")
    assert delivery_count(client, "delivered") == 1


@pytest.mark.parametrize("status", ["undelivered", "failed"])
def test_undelivered_report_has_error_code_of_provider(client, store, status):
    report(client, status, ErrorCode="30003")

    [event] = emitted_events(store)
    assert isinstance(event, MessageUndelivered)
    assert event.provider_error == 30003
    assert delivery_count(client, "undelivered") == 1


def test_repeated_report_is_counted_once(client, store):
    for _ in range(3):
        assert report(client, "delivered").status_code == 204

    assert delivery_count(client, "delivered") == 1
    assert len(emitted_events(store)) == 1


def test_read_message_is_delivered_once(client, store):
    for status in ("read", "delivered", "sent", "failed"):
        report(client, status)

    read, delivered = emitted_events(store)
    assert isinstance(delivered, MessageDelivered)
    assert isinstance(read, MessageRead)


def test_message_can_arrive_after_it_was_undelivered(client, store):
    for status in ("failed", "sent", "delivered"):
        report(client, status)

    delivered, undelivered = emitted_events(store)
    assert isinstance(undelivered, MessageUndelivered)
    assert isinstance(delivered, MessageDelivered)


def test_report_of_other_channel_emits_no_event(client, store):
    response = report(client, "delivered", To="messenger:+919445012345")

    assert response.status_code == 204
    assert emitted_events(store) == []


@pytest.mark.parametrize("status", ["queued", "sending", "sent", "new-status", ""])
def test_report_of_message_in_transit_emits_no_event(client, store, status):
    assert report(client, status).status_code == 204
    assert emitted_events(store) == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Twilio-Signature": ""},
        {"X-Twilio-Signature": WELL_FORMED},
        signed(REPORT | {"MessageStatus": "delivered"}, token="another"),
        signed(REPORT | {"MessageStatus": "sent"}),
        signed(
            REPORT | {"MessageStatus": "delivered"}, url="https://elsewhere.example"
        ),
    ],
)
def test_report_with_wrong_signature_is_401(client, store, headers):
    unsigned = REPORT | {"MessageStatus": "delivered"}

    response = client.post("/callbacks/twilio", data=unsigned, headers=headers)

    assert (response.status_code, response.json["error"]) == (401, "unauthorized")
    assert emitted_events(store) == []


class UnreadableBody:
    """A body that fails the test when it is read."""

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
        ({"X-Twilio-Signature": WELL_FORMED}, "4097", 413, "body_too_large"),
        (
            {"X-Twilio-Signature": WELL_FORMED, "Transfer-Encoding": "chunked"},
            "",
            400,
            "invalid_request",
        ),
    ],
)
def test_report_with_invalid_headers_is_rejected_before_its_body(
    client, headers, length, status, error
):
    environ = {
        "wsgi.input": UnreadableBody(),
        "wsgi.input_terminated": True,
        "CONTENT_LENGTH": length,
    }

    response = client.post(
        "/callbacks/twilio",
        content_type="application/x-www-form-urlencoded",
        headers=headers,
        environ_overrides=environ,
    )

    assert (response.status_code, response.json["error"]) == (status, error)


def test_rejected_reports_hold_no_slot(client, store):
    unsigned = {"X-Twilio-Signature": WELL_FORMED}
    for _ in range(9):
        client.post("/callbacks/twilio", data=REPORT, headers=unsigned)

    assert report(client, "delivered").status_code == 204


def test_report_of_four_kilobytes_is_accepted(client, store):
    # More than Twilio sends; its longest values are a few hundred characters.
    report(client, "delivered", ErrorMessage="x" * 3_500)

    assert len(emitted_events(store)) == 1


def test_log_contains_no_number(client, caplog):
    caplog.set_level("INFO")

    report(client, "delivered")

    assert "9445012345" not in caplog.text


@pytest.mark.parametrize(
    "settings",
    [
        {"OTP_PUBLIC_URL": ""},
        {"OTP_PUBLIC_URL": "http://localhost:3000"},
        {"OTP_PUBLIC_URL": "https://otp_engine.example.com"},
        {"OTP_PUBLIC_URL": "https://localhost:3000"},
        {"OTP_PUBLIC_URL": "https://127.0.0.1"},
        {"OTP_PUBLIC_URL": "https://10.0.0.4"},
        {"OTP_PUBLIC_URL": "https://otp"},
        {"OTP_PUBLIC_URL": "https://otp.internal"},
        {"OTP_PUBLIC_URL": "https://verify.twilio.com"},
        {"OTP_CALLBACK_URL": "http://otp.example.com"},
        {"OTP_CALLBACK_URL": "https://verify.twilio.com"},
        {
            "TWILIO_AUTH_TOKEN": "",
            "TWILIO_API_KEY": "SK" + "3" * 32,
            "TWILIO_API_SECRET": "secret",
        },
    ],
)
def test_webhook_without_public_url_or_auth_token_is_404(app_with, settings):
    client = app_with(**TWILIO | settings).test_client()

    assert report(client, "delivered").status_code == 404


OWN_CALLBACK = "https://hooks.example.com/otp"


@pytest.mark.parametrize(
    ("public_url", "callback_url", "paths"),
    [
        ("https://verify.twilio.com", OWN_CALLBACK, ["", "/otp"]),
        ("", OWN_CALLBACK, ["", "/otp"]),
        ("https://example.com/otp", "", ["", "/otp"]),
        ("https://example.com/otp", OWN_CALLBACK, ["", "/otp"]),
        ("https://example.com/otp", f"{OWN_CALLBACK}/hooks", ["", "/otp/hooks"]),
        ("https://example.com/otp/api", OWN_CALLBACK, ["", "/otp", "/otp/api"]),
        ("https://example.com/otp", "https://hooks.example.com", ["", "/otp"]),
    ],
)
def test_report_is_accepted_with_and_without_the_path_of_a_proxy(
    app_with, public_url, callback_url, paths
):
    urls = {"OTP_PUBLIC_URL": public_url, "OTP_CALLBACK_URL": callback_url}
    client = app_with(**TWILIO | urls).test_client()
    form = REPORT | {"MessageStatus": "delivered"}
    base = callback_url or public_url
    signature = signed(form, f"{base}/callbacks/twilio")

    statuses = [
        client.post(
            f"{path}/callbacks/twilio", data=form, headers=signature
        ).status_code
        for path in paths
    ]

    assert statuses == [204] * len(paths)


@pytest.mark.parametrize("callback_url", ["", OWN_CALLBACK, "https://h.example.com/a"])
def test_pages_are_below_the_public_path_with_any_callback_url(app_with, callback_url):
    urls = {
        "OTP_PUBLIC_URL": "https://example.com/otp",
        "OTP_CALLBACK_URL": callback_url,
    }
    client = app_with(**TWILIO | urls).test_client()

    response = client.get("/otp/docs")

    assert response.status_code == 200


@pytest.mark.parametrize(
    "url",
    [
        CALLBACK,
        "https://hooks.example.com/callbacks/twilio",
        f"{OWN_CALLBACK}/callbacks/twilio/",
        "http://hooks.example.com/otp/callbacks/twilio",
        "https://localhost/callbacks/twilio",
    ],
)
def test_report_signed_for_another_url_is_rejected(app_with, url):
    client = app_with(**TWILIO | {"OTP_CALLBACK_URL": OWN_CALLBACK}).test_client()
    form = REPORT | {"MessageStatus": "delivered"}

    response = client.post("/callbacks/twilio", data=form, headers=signed(form, url))

    assert response.status_code == 401
    assert response.json == {
        "msg": "The signature of the request is missing or wrong.",
        "error": "unauthorized",
    }


class Receiver:
    """A receiver of reports in JSON, with a body in its response."""

    path = "/callbacks/test"
    max_bytes = 100_000

    def __init__(self):
        self.requests = []

    def check_headers(self, headers):
        if headers.get("x-secret") != "s":
            raise Unauthorized

    def receive(self, request):
        self.requests.append(request)
        return Reply(body=request.body.decode(), content_type="text/xml")


def app_with_receiver(receiver, base_url=None, path=""):
    app = build_flask()
    error_handlers.register(app, {})
    views = provider_webhooks.blueprint(
        [receiver], lambda _: None, BoundedSemaphore(1), base_url=base_url, path=path
    )
    app.register_blueprint(views)
    return app.test_client()


def test_response_of_receiver_has_its_type():
    client = app_with_receiver(Receiver())

    response = client.post("/callbacks/test", data=b"<Ok/>", headers={"X-Secret": "s"})

    assert (response.status_code, response.data) == (200, b"<Ok/>")
    assert response.content_type == "text/xml"


def test_receiver_gets_url_of_provider_with_exact_query():
    receiver = Receiver()
    client = app_with_receiver(receiver, "https://hooks.example.com/otp", "/otp")

    client.post(
        "/otp/callbacks/test?a=%2B1&delivery=x", data=b"{}", headers={"X-Secret": "s"}
    )

    [request] = receiver.requests
    assert request.url == (
        "https://hooks.example.com/otp/callbacks/test?a=%2B1&delivery=x"
    )
    assert request.query["a"] == "+1"


@pytest.mark.parametrize(
    ("length", "secret", "status"),
    [(100_000, "s", 200), (100_001, "s", 413), (1, "x", 401)],
)
def test_length_of_body_is_limited_by_its_receiver(length, secret, status):
    client = app_with_receiver(Receiver())

    response = client.post(
        "/callbacks/test", data=b"x" * length, headers={"X-Secret": secret}
    )

    assert response.status_code == status


@pytest.mark.parametrize(
    ("urls", "callback"),
    [
        ({"OTP_PUBLIC_URL": PUBLIC}, CALLBACK),
        ({"OTP_PUBLIC_URL": "http://localhost:3000"}, None),
        (
            {"OTP_PUBLIC_URL": PUBLIC, "OTP_CALLBACK_URL": OWN_CALLBACK},
            f"{OWN_CALLBACK}/callbacks/twilio",
        ),
        (
            {"OTP_PUBLIC_URL": "", "OTP_CALLBACK_URL": f"{OWN_CALLBACK}/"},
            f"{OWN_CALLBACK}/callbacks/twilio",
        ),
    ],
)
def test_message_has_status_callback_of_its_url(store, urls, callback):
    with twilio_server.running() as twilio:
        environ = RELAXED | TWILIO | {"TWILIO_API_BASE_URL": twilio.url} | urls
        client = create_app(config.load(environ), store=store).test_client()

        client.post("/auth/send_otp", json={"phone": "9445012345"}, headers=KEY)

        [message] = twilio.messages
    url, _, query = message.get("StatusCallback", "").partition("?delivery=")
    assert url == (callback or "")
    assert bool(re.fullmatch("[0-9a-f]{40}#rc=2&rp=5xx,ct,rt", query)) == bool(callback)
