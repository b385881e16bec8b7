"""The webhooks of a service, with Twilio's SDK and the receiver of the documents."""

from __future__ import annotations

import base64
import json
import time
from contextlib import contextmanager
from pathlib import Path

import pyotp
import pytest
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from otp_engine.crypto.webhook_signatures import WebhookSecret
from tests.support import (
    documented_receiver,
    http_server,
    redis_server,
    server_process,
)

ACCOUNT, TOKEN = f"AC{'a' * 32}", "the-token-of-this-account"
FACTOR_KEY = base64.b64encode(bytes(range(100, 132))).decode()
IDENTITY = "3c2d1f0a-person"
DOCUMENT = Path(__file__).parents[2] / "docs" / "service-webhooks.md"


class KeepingHttpClient(TwilioHttpClient):
    """Keeps the headers of the last response, which the SDK does not return."""

    def request(self, *arguments, **options):
        response = super().request(*arguments, **options)
        self.headers = response.headers
        return response


@pytest.fixture(scope="module")
def environ(shared_environ):
    # Dev mode, because the documented receiver has no TLS.
    return shared_environ | {
        "OTP_DEV": "1",
        "OTP_API_KEYS": f"{ACCOUNT}:{TOKEN}",
        "OTP_FACTOR_KEY": FACTOR_KEY,
    }


@pytest.fixture
def service(environ, empty_redis):
    with running_service(environ) as running:
        yield running


@contextmanager
def running_service(environ):
    with server_process.running_server("--workers", "2", **environ) as server:
        client = Client(ACCOUNT, TOKEN, http_client=KeepingHttpClient())
        client.verify.base_url = f"http://127.0.0.1:{server.port}"
        sid = client.verify.v2.services.create(friendly_name="Shop").sid
        assert sid
        yield client.verify.v2.services(sid), client.http_client, server


def run_documented_receiver(port, url, secret):
    environ = {"WEBHOOK_URL": url, "WEBHOOK_SECRET": secret}
    return documented_receiver.running(DOCUMENT, port, environ)


def live_through(verify_service):
    """Create, verify, use and delete a factor."""
    entity = verify_service.entities(IDENTITY)
    new = entity.new_factors.create(friendly_name="My phone", factor_type="totp")
    totp = pyotp.TOTP(new.binding["secret"])
    factor = entity.factors(new.sid)
    assert factor.update(auth_payload=totp.now()).status == "verified"
    # The next code, because a code is accepted once.
    later = totp.at(time.time(), counter_offset=1)
    challenge = entity.challenges.create(factor_sid=new.sid, auth_payload=later)
    assert challenge.status == "approved"
    assert factor.delete()


def test_documented_receiver_accepts_the_life_of_a_factor(service):
    verify_service, http, server = service
    port = redis_server.free_port()
    url = f"http://127.0.0.1:{port}/hook?tenant=1"
    created = verify_service.webhooks.create(
        friendly_name="All", event_types=["*"], webhook_url=url
    )
    secret = http.headers["OTP-Webhook-Secret"]
    verify_service.webhooks(created.sid).fetch()
    assert http.headers["OTP-Webhook-Secret"] == secret

    with run_documented_receiver(port, url, secret) as lines:
        live_through(verify_service)
        redis_server.wait_until(lambda: len(lines) >= 4)

    assert sorted(line.split() for line in lines) == [
        ["challenge.approved", IDENTITY],
        ["factor.created", IDENTITY],
        ["factor.deleted", IDENTITY],
        ["factor.verified", IDENTITY],
    ]
    written = "".join([*server.stdout, *server.stderr])
    assert IDENTITY not in written
    assert secret not in written


def test_documented_receiver_rejects_a_post_with_another_secret(service):
    verify_service, _, server = service
    port = redis_server.free_port()
    url = f"http://127.0.0.1:{port}/"
    verify_service.webhooks.create(
        friendly_name="All", event_types=["factor.created"], webhook_url=url
    )

    with run_documented_receiver(port, url, "another secret") as lines:
        entity = verify_service.entities(IDENTITY)
        entity.new_factors.create(friendly_name="My phone", factor_type="totp")
        redis_server.wait_until(lambda: "60330" in "".join(server.stderr))

    assert lines == []
    assert "status 403" in "".join(server.stderr)


def test_life_of_a_factor_is_in_the_event_webhook_without_the_identity(
    environ, empty_redis
):
    with http_server.running() as receiver:
        settings = {
            "OTP_EVENT_WEBHOOK_URL": f"{receiver.url}/events",
            "OTP_EVENT_WEBHOOK_SECRET": WebhookSecret(b"s" * 32).to_text(),
        }
        with running_service(environ | settings) as (verify_service, _, _):
            live_through(verify_service)
            redis_server.wait_until(lambda: len(events_of(receiver)) >= 4)

    # Each worker writes its own events, so their order is not certain.
    types = {event["type"].rpartition("verify.")[2] for event in events_of(receiver)}
    assert types == {
        "factor.created",
        "factor.verified",
        "challenge.approved",
        "factor.deleted",
    }
    assert IDENTITY.encode() not in b"".join(post.body for post in receiver.requests)
    hashes = {event["data"]["identity_hash"] for event in events_of(receiver)}
    assert len(hashes) == 1


def events_of(receiver):
    return [event for post in receiver.requests for event in json.loads(post.body)]
