from __future__ import annotations

import json
import logging
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_network

import pytest

from otp_engine.config.address_filter import AddressFilter
from otp_engine.config.webhook_settings import Preset, WebhookSettings
from otp_engine.crypto import webhook_signatures
from otp_engine.crypto.webhook_signatures import WebhookSecret
from otp_engine.domain.messages.speech import Speech
from otp_engine.domain.models import Channel
from otp_engine.errors import (
    DeliveryFailed,
    DeliveryUnconfirmed,
    InvalidPhone,
    OTPError,
    ProviderUnavailable,
)
from otp_engine.senders.http_client import PooledHttpClient
from otp_engine.senders.webhook import WebhookProvider
from tests.support import http_server, redis_server
from tests.support.fakes import MESSAGE
from tests.support.http_server import close, raw, respond

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
NEW, OLD = (WebhookSecret(bytes([number]) * 24) for number in range(2))
LOOPBACK = AddressFilter((ip_network("127.0.0.0/8"),))
REPORT_URL = "https://otp.example.com/callbacks/webhook/gateway"


@pytest.fixture
def server():
    with http_server.running() as server:
        server.behave = respond(200, json.dumps({"message_id": "m-1"}))
        yield server


@pytest.fixture
def settings(server):
    return WebhookSettings(
        name="gateway",
        url=f"{server.url}/otp?key=url-secret",
        channels=(Channel.SMS, Channel.CALL),
        secrets=(NEW, OLD),
        addresses=LOOPBACK,
    )


@pytest.fixture
def provider(settings):
    return create(settings)


def create(settings, *, respond=10.0, **options):
    pool = PooledHttpClient(
        connect=10,
        respond=respond,
        max_body_bytes=64 * 1024,
        addresses=settings.addresses,
    )
    return WebhookProvider(settings, pool, utcnow=lambda: NOW, **options)


def body_of(server):
    (request,) = server.requests
    return json.loads(request.body)


def test_request_has_text_and_parts(settings, server):
    create(settings, report_url=REPORT_URL).send(MESSAGE)

    assert body_of(server) == {
        "version": 1,
        "delivery_id": "ab" * 20,
        "channel": "sms",
        "to": "+919445012345",
        "country": "IN",
        "text": "123456 is your Acme code.",
        "code": "123456",
        "locale": "en",
        "brand": "Acme",
        "minutes": 10,
        "expires_at": "2026-07-01T12:10:00Z",
        "template_id": None,
        "sender_id": None,
        "variables": {"code": "123456", "brand": "Acme", "minutes": "10"},
        "subject": None,
        "speech": None,
        "report_url": REPORT_URL,
    }


def test_request_has_template_sender_and_subject(provider, server):
    message = replace(MESSAGE, template_id="1107", sender_id="ACMEIN", subject="Code")

    provider.send(message)

    body = body_of(server)
    assert (body["template_id"], body["sender_id"]) == ("1107", "ACMEIN")
    assert body["subject"] == "Code"


def test_request_of_a_call_has_its_sentences(provider, server):
    speech = Speech(
        language="en",
        prompt="Press any key.",
        announcement="Your code is",
        again="Again",
        goodbye="Goodbye.",
        digits="1, 2",
    )

    provider.send(replace(MESSAGE, channel=Channel.CALL, speech=speech))

    body = body_of(server)
    assert body["channel"] == "call"
    assert body["speech"]["digits"] == "1, 2"


def test_request_is_signed_with_both_secrets(provider, server):
    provider.send(MESSAGE)

    (request,) = server.requests
    for secret in (NEW, OLD):
        assert webhook_signatures.is_valid([secret], request.headers, request.body, NOW)


def test_delivery_id_is_the_idempotency_key(provider, server):
    provider.send(MESSAGE)

    headers = server.requests[0].headers
    assert headers["idempotency-key"] == headers["webhook-id"] == "ab" * 20
    assert headers["content-type"] == "application/json"


def test_request_goes_to_path_and_query_of_the_url(provider, server):
    provider.send(MESSAGE)

    assert server.requests[0].line == "POST /otp?key=url-secret HTTP/1.1"


def test_accepted_message_has_the_id_of_the_receiver(provider):
    assert provider.send(MESSAGE) == "m-1"


def test_unusual_text_is_sent_unchanged(provider, server):
    text = '\x00 \u2028 \U0001f511 \ud800 "\\\r\n'

    provider.send(replace(MESSAGE, body=text))

    assert body_of(server)["text"] == text


def test_preset_has_from_to_and_body(settings, server):
    settings = replace(
        settings, preset=Preset.FROM_TO_BODY, authorization="Bearer token", secrets=()
    )
    server.behave = respond(201, "queued")

    message_id = create(settings).send(replace(MESSAGE, sender_id="ACMEIN"))

    assert message_id is None
    assert body_of(server) == {
        "From": "ACMEIN",
        "To": "+919445012345",
        "Body": "123456 is your Acme code.",
        "Message": "123456 is your Acme code.",
    }
    headers = server.requests[0].headers
    assert headers["authorization"] == "Bearer token"
    assert headers["idempotency-key"] == "ab" * 20
    assert "webhook-signature" not in headers


def test_rejected_number_raises_invalid_phone(provider, server):
    server.behave = respond(422, json.dumps({"error": "invalid_phone"}))

    with pytest.raises(InvalidPhone):
        provider.send(MESSAGE)


def test_redirect_is_not_followed(provider, server):
    server.behave = respond(307, Location=f"{server.url}/elsewhere")

    with pytest.raises(DeliveryFailed) as raised:
        provider.send(MESSAGE)

    assert raised.value.retry_elsewhere
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "behave",
    [
        close,
        raw(b""),
        raw(b"HTTP/1.1 200 OK\r\n"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n"),
        raw(b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 70_000),
        raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        raw(b"\x00\xff garbage\r\n\r\n"),
        raw(b"220 mail.example.com ESMTP\r\n"),
        respond(200, '{"message_id": "\x00"}'),
        respond(200, "[1, 2"),
        respond(200, "null"),
        respond(302, Location="/elsewhere"),
        respond(500),
        respond(502, "<html>"),
    ],
    ids=[
        *("closed", "empty", "truncated head", "truncated body", "negative length"),
        *("megabytes announced", "long body", "bad chunk", "garbage", "smtp", "nul"),
        *("invalid json", "null", "found", "server error", "bad gateway"),
    ],
)
def test_answer_without_a_result_is_an_unknown_outcome(settings, server, behave):
    def then_close(connected):
        behave(connected)
        close(connected)

    server.behave = then_close

    with pytest.raises(DeliveryUnconfirmed):
        create(settings).send(MESSAGE)

    assert len(server.requests) == 1


@pytest.mark.parametrize("behavior", ["hang", "drip"])
def test_slow_answer_is_an_unknown_outcome(settings, server, behavior):
    server.behave = getattr(server, behavior)

    with pytest.raises(DeliveryUnconfirmed):
        create(settings, respond=0.2).send(MESSAGE)


def test_receiver_that_does_not_listen_is_unavailable(settings):
    unreachable = f"http://127.0.0.1:{redis_server.free_port()}"

    with pytest.raises(ProviderUnavailable):
        create(replace(settings, url=unreachable)).send(MESSAGE)


def test_receiver_at_a_private_address_is_unavailable(settings, server):
    with pytest.raises(ProviderUnavailable):
        create(replace(settings, addresses=AddressFilter())).send(MESSAGE)

    assert server.connections == 0


def test_ping_opens_a_connection_without_a_request(provider, server):
    provider.ping()

    # The thread of the server counts a connection after it is open.
    redis_server.wait_until(lambda: server.connections == 1)
    assert server.requests == []


def test_ping_of_a_receiver_that_does_not_listen_has_the_reason(settings):
    unreachable = f"http://127.0.0.1:{redis_server.free_port()}"

    with pytest.raises(ProviderUnavailable) as raised:
        create(replace(settings, url=unreachable)).ping()

    assert raised.value.reason == "does not answer: connection refused"


@pytest.mark.parametrize(
    ("has_reports", "report_url", "reports_delivery"),
    [(True, REPORT_URL, True), (True, None, False), (False, REPORT_URL, False)],
)
def test_reports_need_the_option_and_a_url(
    settings, has_reports, report_url, reports_delivery
):
    settings = replace(settings, has_reports=has_reports)

    provider = create(settings, report_url=report_url)

    assert provider.reports_delivery is reports_delivery


@pytest.mark.parametrize(
    "behave",
    [
        respond(200, '{"error": "misconfigured", "to": "+919445012345"}'),
        respond(200, "123456 is your Acme code."),
        respond(401, "token"),
        respond(500, "123456"),
        close,
    ],
    ids=["misconfigured", "echo", "unauthorized", "server error", "closed"],
)
def test_log_and_error_contain_no_code_number_or_secret(
    settings, server, behave, caplog
):
    server.behave = behave
    provider = create(replace(settings, authorization="Bearer header-secret"))

    with caplog.at_level(logging.DEBUG), pytest.raises(OTPError) as raised:
        provider.send(MESSAGE)

    assert "gateway: " in caplog.text
    for text in (caplog.text, str(raised.value), repr(raised.value)):
        for secret in ("123456", "9445012345", "url-secret", "header-secret", "whsec"):
            assert secret not in text


def test_rejection_has_the_code_of_the_gateway(provider, server):
    server.behave = respond(400, '{"error": "recipient_rejected", "code": 30003}')

    with pytest.raises(DeliveryFailed) as raised:
        provider.send(MESSAGE)

    assert raised.value.provider_error == 30003


@pytest.mark.parametrize("code", ["919445012345", 123456, "code-123456"])
def test_code_of_the_gateway_is_no_number_and_no_code(provider, server, code):
    answer = json.dumps({"error": "rejected", "code": code})
    server.behave = respond(400, answer)

    with pytest.raises(DeliveryFailed) as raised:
        provider.send(MESSAGE)

    assert raised.value.provider_error is None
