"""Providers in a service: failover, delivery reports, and weights."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime
from http import HTTPStatus

import pytest

from otp_engine import config
from otp_engine.app import create_app
from otp_engine.domain.channels import Channel
from otp_engine.domain.events import CodeSent, MessageDelivered
from otp_engine.domain.messages.delivery_reports import DeliveryStatus
from otp_engine.domain.routing.health import AT_REST, LEAST, Reason, Weight
from otp_engine.domain.routing.steps import Step
from tests.support import aws_server, redis_server, telegram_server
from tests.support.settings import RELAXED

KEY = {"Authorization": "Bearer shop-secret-0123456789abcdef"}
PHONE = "+919445012345"


@pytest.fixture
def aws():
    with aws_server.running() as aws:
        yield aws


@pytest.fixture
def telegram():
    with telegram_server.running() as telegram:
        yield telegram


@pytest.fixture
def new_client(store, aws, telegram):
    def build(**environ):
        settings = {
            "OTP_API_KEYS": "shop:shop-secret-0123456789abcdef",
            "OTP_PUBLIC_URL": "https://otp.example.com",
            "OTP_SENDER": "telegram, aws",
            "AWS_ACCESS_KEY_ID": aws_server.KEY_ID,
            "AWS_SECRET_ACCESS_KEY": aws_server.SECRET,
            "AWS_SESSION_TOKEN": aws_server.SESSION_TOKEN,
            "AWS_REGION": aws_server.REGION,
            "AWS_ENDPOINT_URL": aws.server.url,
            "OTP_AWS_NOTIFY_CONFIGURATION": aws_server.CONFIGURATION,
            "TELEGRAM_GATEWAY_TOKEN": telegram_server.TOKEN,
            "TELEGRAM_GATEWAY_URL": telegram.server.url,
            "OTP_ROUTES": "*=telegram:telegram>sms:aws",
        }
        app = create_app(config.load(RELAXED | settings | environ), store=store)
        return app.test_client()

    return build


def _send(client, phone=PHONE):
    return client.post("/auth/send_otp", json={"phone": phone}, headers=KEY)


def _report(client, status, delivery_id, token=telegram_server.TOKEN):
    body = json.dumps(
        {
            "request_id": telegram_server.REQUEST_ID,
            "payload": delivery_id,
            "delivery_status": {"status": status},
        }
    ).encode()
    at = str(int(datetime.now(UTC).timestamp()))
    key = hashlib.sha256(token.encode()).digest()
    signature = hmac.digest(key, f"{at}\n".encode() + body, "sha256").hex()
    return client.post(
        "/callbacks/telegram",
        data=body,
        content_type="application/json",
        headers={"X-Request-Timestamp": at, "X-Request-Signature": signature},
    )


def _events(store, kind):
    return [
        recorded.event
        for recorded in store.events.since(None)
        if isinstance(recorded.event, kind)
    ]


def test_number_without_telegram_gets_the_same_code_by_the_next_step(
    new_client, store, aws, telegram
):
    telegram.behave = telegram_server.refuse("PHONE_NUMBER_NOT_FOUND")

    response = _send(new_client())

    assert response.status_code == HTTPStatus.CREATED
    [(_, tried)], [(_, sent)] = telegram.calls, aws.calls
    assert tried["code"] == sent["TemplateVariables"]["code"]
    [event] = _events(store, CodeSent)
    assert (event.channel, event.provider) == (Channel.SMS, "aws")


def test_delivery_report_of_telegram_is_stored_and_counted(new_client, store, telegram):
    client = new_client()
    _send(client)
    store.events.flush()
    delivery_id = telegram.calls[0][1]["payload"]

    response = _report(client, "delivered", delivery_id)

    assert response.status_code == HTTPStatus.NO_CONTENT
    [event] = _events(store, MessageDelivered)
    assert (event.channel, event.provider) == (Channel.TELEGRAM, "telegram")
    store.close()
    reading = store.provider_health.read()
    counts = reading.of(Step(Channel.TELEGRAM, "telegram")).recent(reading.at)
    assert (counts.messages, counts.awaited, counts.fast) == (1, 1, 1)


def test_report_with_another_signature_is_unauthorized(new_client, store, telegram):
    client = new_client()
    _send(client)

    response = _report(
        client, DeliveryStatus.DELIVERED, telegram.calls[0][1]["payload"], token="other"
    )

    assert response.status_code == HTTPStatus.UNAUTHORIZED
    assert _events(store, MessageDelivered) == []


def test_degraded_provider_is_the_first_step_less_often(
    new_client, store, aws, telegram
):
    now = store.provider_health.read().at
    store.provider_health.compare_and_set(
        Step(Channel.TELEGRAM, "telegram"), AT_REST, Weight(LEAST, now, Reason.SLOW)
    )
    client = new_client()

    # The first send starts the thread that reads the weights.
    redis_server.wait_until(lambda: _send(client) and aws.calls, seconds=60)

    assert aws.calls[0][0] == "SendNotifyTextMessage"


def test_errors_of_a_provider_are_counted(new_client, store, telegram):
    telegram.behave = telegram_server.refuse("FLOOD_WAIT_3")

    _send(new_client())

    store.close()
    reading = store.provider_health.read()
    counted = {
        str(step): (
            health.recent(reading.at).messages,
            health.recent(reading.at).errors,
        )
        for step, health in reading.healths.items()
    }
    assert counted == {"telegram:telegram": (0, 1), "sms:aws": (1, 0)}
