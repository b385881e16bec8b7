"""A fallback from one webhook receiver to another, after a report of undelivered."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest

from otp_engine.crypto import api_keys, webhook_signatures
from otp_engine.crypto.webhook_signatures import WebhookSecret
from tests.support import http_server, redis_server, server_process
from tests.support.http_server import respond

SECRET = WebhookSecret(bytes(range(32)))
KEY = "shop-secret-0123456789"
AUTHORIZATION = {"Authorization": f"Bearer {KEY}"}


@pytest.fixture
def receivers():
    with http_server.running() as first, http_server.running() as second:
        yield first, second


@pytest.fixture
def server(receivers):
    first, second = receivers
    environ = {
        "OTP_DEV": "1",
        "OTP_ARGON2": "test",
        "OTP_SENDER": "first,second",
        "OTP_ROUTES": "*=sms:first>sms:second",
        "OTP_WEBHOOKS": f"first::reports={first.url}/a,second={second.url}/b",
        "OTP_PUBLIC_URL": "http://localhost:3000",
        "OTP_WEBHOOK_SECRETS": ",".join(
            f"{name}={SECRET.to_text()}" for name in ("first", "second")
        ),
        "OTP_API_KEYS": api_keys.env_entry("shop", KEY),
        "OTP_PEPPER": base64.b64encode(server_process.PEPPER.secret).decode(),
    }
    with server_process.running_server(**environ) as server:
        yield server


def send(server):
    return server.post("/auth/send_otp", {"phone": "9445012345"}, **AUTHORIZATION)


def check(server, code):
    body = {"phone": "9445012345", "otp": code}
    return server.post("/auth/verify_otp", body, **AUTHORIZATION).body


def test_undelivered_message_is_sent_by_the_next_receiver(server, receivers):
    first, second = receivers
    assert send(server).status == 201
    message = json.loads(first.requests[0].body)
    report = {"delivery_id": message["delivery_id"], "status": "undelivered"}
    body = json.dumps(report).encode()
    headers = webhook_signatures.sign(
        [SECRET], message_id="r-1", at=datetime.now(UTC), body=body
    )

    for _ in range(2):
        status = server.post_bytes("/callbacks/webhook/first", body, **headers)
        assert status == 204
    redis_server.wait_until(lambda: bool(second.requests))

    fallback = json.loads(second.requests[0].body)
    assert fallback["delivery_id"] != message["delivery_id"]
    assert check(server, fallback["code"]) == {"VerificationStatus": "approved"}
    assert (len(first.requests), len(second.requests)) == (1, 1)


def test_rejected_message_is_sent_by_the_next_receiver_at_once(server, receivers):
    first, second = receivers
    first.behave = respond(400, '{"error": "misconfigured"}')

    response = send(server)

    code = json.loads(second.requests[0].body)["code"]
    assert response.status == 201
    assert check(server, code) == {"VerificationStatus": "approved"}


def test_unclear_message_is_sent_by_no_other_receiver(server, receivers):
    first, second = receivers
    first.behave = respond(200, '{"message": "Workflow was started"}')

    response = send(server)

    code = json.loads(first.requests[0].body)["code"]
    assert (response.status, response.body["error"]) == (504, "delivery_unconfirmed")
    assert second.requests == []
    assert check(server, code) == {"VerificationStatus": "approved"}
