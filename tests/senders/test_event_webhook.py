"""Posts of events to a receiver."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from otp_engine.config.event_webhook import EventWebhookSettings
from otp_engine.crypto import webhook_signatures
from otp_engine.crypto.webhook_signatures import WebhookSecret
from otp_engine.domain.event_webhook.posts import ACCEPTED
from otp_engine.senders.event_webhook import EventPoster
from otp_engine.senders.http_client import PooledHttpClient
from tests.support import http_server

NOW = datetime(2026, 1, 2, tzinfo=UTC)
SECRET, OLD_SECRET = WebhookSecret(b"s" * 32), WebhookSecret(b"o" * 32)
EVENTS = [{"id": "EZ1", "type": "é"}, {"id": "EZ2", "type": "b"}]


@pytest.fixture
def receiver():
    with http_server.running() as server:
        yield server


@pytest.fixture
def poster(receiver):
    return build(receiver.url)


def build(url):
    settings = EventWebhookSettings(url=f"{url}/events", secrets=(SECRET, OLD_SECRET))
    http = PooledHttpClient(connect=5, respond=0.5, max_body_bytes=65_536)
    return EventPoster(settings, http, lambda: NOW)


def test_events_are_posted_as_one_batch(receiver, poster):
    result = poster.post(EVENTS)

    [request] = receiver.requests
    assert result.outcome == ACCEPTED
    assert request.line == "POST /events HTTP/1.1"
    assert request.headers["content-type"].startswith(
        "application/cloudevents-batch+json"
    )
    assert json.loads(request.body) == EVENTS


@pytest.mark.parametrize("secret", [SECRET, OLD_SECRET])
def test_post_is_signed_with_every_secret(receiver, poster, secret):
    poster.post(EVENTS)

    [request] = receiver.requests
    headers, later = request.headers, NOW + timedelta(minutes=4)
    assert webhook_signatures.is_valid([secret], headers, request.body, later)


def test_repeated_post_has_the_same_id(receiver, poster):
    for events in (EVENTS, EVENTS, EVENTS[:1]):
        poster.post(events)

    first, second, other = (
        request.headers["webhook-id"] for request in receiver.requests
    )
    assert first == second != other


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_success_accepts_the_events(receiver, poster, status):
    receiver.behave = http_server.respond(status)

    assert poster.post(EVENTS).is_accepted


@pytest.mark.parametrize("status", [301, 307, 400, 401, 404, 410, 429, 500, 503])
def test_other_status_does_not_accept_the_events(receiver, poster, status):
    receiver.behave = http_server.respond(status, Location=f"{receiver.url}/other")

    result = poster.post(EVENTS)

    assert result.outcome == f"status {status}"
    assert len(receiver.requests) == 1


@pytest.mark.parametrize(
    ("text", "requested"),
    [
        ("120", timedelta(minutes=2)),
        ("Fri, 02 Jan 2026 00:01:30 GMT", timedelta(seconds=90)),
        ("Thu, 01 Jan 2026 00:00:00 GMT", None),
        ("-5", None),
        ("soon", None),
        ("9" * 400, None),
    ],
)
def test_retry_after_is_read(receiver, poster, text, requested):
    receiver.behave = http_server.respond(503, Retry_After=text)

    assert poster.post(EVENTS).retry_after == requested


@pytest.mark.parametrize("fault", ["hang", "drip"])
def test_slow_receiver_does_not_accept_the_events(receiver, poster, fault):
    receiver.behave = getattr(receiver, fault)

    assert poster.post(EVENTS).outcome == "no answer in time"


@pytest.mark.parametrize(
    "behavior",
    [
        http_server.close,
        http_server.raw(b"garbage\r\n\r\n"),
        http_server.respond(200, "x" * 70_000),
    ],
    ids=["closed", "garbage", "too_long"],
)
def test_malformed_answer_does_not_accept_the_events(receiver, poster, behavior):
    receiver.behave = behavior

    assert poster.post(EVENTS).outcome.startswith("no answer: ")


def test_unreachable_receiver_does_not_accept_the_events(receiver):
    with http_server.running() as gone:
        url = gone.url

    assert build(url).post(EVENTS).outcome.startswith("not connected: ")
