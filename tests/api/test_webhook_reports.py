"""Delivery reports of webhook receivers at `/callbacks/webhook/NAME`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from otp_engine import config
from otp_engine.app import create_app
from otp_engine.crypto import webhook_signatures
from otp_engine.crypto.webhook_signatures import WebhookSecret
from otp_engine.domain.events import MessageDelivered, MessageUndelivered
from otp_engine.domain.messages import delivery_ids
from otp_engine.domain.models import Channel
from tests.support import http_server, redis_server
from tests.support.http_server import respond
from tests.support.metrics_page import values
from tests.support.settings import PEPPER, RELAXED

NEW, OLD, OTHER = (WebhookSecret(bytes([number]) * 24) for number in range(3))
KEY = {"Authorization": "Bearer shop-secret-0123456789abcdef"}
PATH = "/callbacks/webhook/gateway"
UNKNOWN = "otp_unknown_delivery_reports_total{provider=gateway}"


@pytest.fixture
def receiver():
    with http_server.running() as receiver:
        receiver.behave = respond(200, '{"message_id": "m-1"}')
        yield receiver


@pytest.fixture
def client(store, receiver):
    secrets = (f"gateway={secret.to_text()}" for secret in (NEW, OLD))
    environ = {
        "OTP_SENDER": "gateway",
        "OTP_WEBHOOKS": f"gateway:whatsapp+sms={receiver.url}",
        "OTP_WEBHOOK_SECRETS": ",".join(secrets),
        "OTP_API_KEYS": "shop:shop-secret-0123456789abcdef",
        "OTP_PUBLIC_URL": "https://otp.example.com",
        "OTP_PEPPER": PEPPER,
    }
    return create_app(config.load(RELAXED | environ), store=store).test_client()


@pytest.fixture
def message(client, receiver, store):
    body = {"phone": "9445012345", "channel": "sms"}
    assert client.post("/auth/send_otp", json=body, headers=KEY).status_code == 201
    message = json.loads(receiver.requests[0].body)
    # A thread of its own stores the delivery.
    tag = delivery_ids.tag_of(message["delivery_id"])
    redis_server.wait_until(lambda: bool(store.deliveries.list_deliveries(tag)))
    return message


def post(client, report, *, secret=NEW, at=None, path=PATH, length=None):
    body = json.dumps(report).encode()
    headers = webhook_signatures.sign(
        [secret], message_id="r-1", at=at or datetime.now(UTC), body=body
    )
    return client.post(path, data=body + b" " * (length or 0), headers=headers)


def events(store, kind):
    found = [entry.event for entry in store.events.since(None)]
    return [event for event in found if isinstance(event, kind)]


def test_report_url_of_a_message_is_the_path_of_its_reports(message):
    assert message["report_url"] == f"https://otp.example.com{PATH}"


@pytest.mark.parametrize("secret", [NEW, OLD])
def test_report_of_a_message_is_an_event(client, message, store, secret):
    delivery_id = message["delivery_id"]
    report = {"delivery_id": delivery_id, "status": "undelivered", "error": 30003}

    response = post(client, report, secret=secret)

    (event,) = events(store, MessageUndelivered)
    assert (response.status_code, response.data) == (204, b"")
    assert (event.provider, event.provider_error) == ("gateway", 30003)
    assert event.channel is Channel.SMS
    assert event.delivery_id == delivery_id


def test_repeated_report_is_one_event(client, message, store):
    report = {"delivery_id": message["delivery_id"], "status": "read"}

    for _ in range(3):
        assert post(client, report).status_code == 204

    assert len(events(store, MessageDelivered)) == 1


def test_late_report_does_not_go_back(client, message, store):
    delivery_id = message["delivery_id"]

    for status in ("delivered", "sent", "failed"):
        post(client, {"delivery_id": delivery_id, "status": status})

    assert events(store, MessageUndelivered) == []


def test_report_of_an_unknown_delivery_is_counted(client, store):
    response = post(client, {"delivery_id": "0" * 40, "status": "delivered"})

    assert response.status_code == 204
    assert values(client.get("/metrics").text)[UNKNOWN] == 1
    assert events(store, MessageDelivered) == []


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"secret": OTHER}, 401),
        ({"at": datetime.now(UTC) - timedelta(hours=1)}, 401),
        ({"at": datetime.now(UTC) + timedelta(hours=1)}, 401),
        ({"length": 1}, 401),
        ({"length": 5000}, 413),
        ({"path": "/callbacks/webhook/other"}, 404),
        ({"path": "/callbacks/webhook/"}, 404),
    ],
    ids=["secret", "old", "early", "changed", "long", "other name", "no name"],
)
def test_rejected_report_changes_nothing(client, message, store, options, status):
    delivery_id = message["delivery_id"]

    response = post(client, {"delivery_id": delivery_id, "status": "failed"}, **options)

    assert response.status_code == status
    assert events(store, MessageUndelivered) == []


def test_malformed_report_is_400(client):
    assert post(client, {"delivery_id": "x", "status": "failed"}).status_code == 400


def test_report_without_signature_is_401(client):
    assert client.post(PATH, json={}).status_code == 401
