"""The event webhook of a running service, with the receiver of the documents."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from redis import Redis

from otp_engine.crypto.webhook_signatures import WebhookSecret
from otp_engine.store import keys
from tests.support import (
    documented_receiver,
    http_server,
    redis_server,
    server_process,
)
from tests.support.command_line import run

KEY = {"Authorization": "Bearer shop-secret-0123456789"}
SECRET = WebhookSecret(b"s" * 32)
PHONE = "+919445012345"
TYPES = "com.twilio.accountsecurity.verify."
DOCUMENT = Path(__file__).parents[2] / "docs" / "event-webhook.md"


@pytest.fixture
def receiver():
    with http_server.running() as server:
        yield server


@pytest.fixture
def environ(shared_environ, empty_redis, receiver):
    return shared_environ | webhook_settings(receiver.url)


def webhook_settings(url):
    return {
        "OTP_EVENT_WEBHOOK_URL": f"{url}/events",
        "OTP_EVENT_WEBHOOK_SECRET": SECRET.to_text(),
        "OTP_WEBHOOK_PRIVATE_NETWORKS": "127.0.0.0/8",
    }


def events_of(server):
    return [event for post in server.requests for event in json.loads(post.body)]


def types_of(server):
    return [event["type"].removeprefix(TYPES) for event in events_of(server)]


def wait_for(server, count):
    redis_server.wait_until(lambda: len(events_of(server)) >= count)


def send(service, phone=PHONE):
    response = service.post("/auth/send_otp", {"phone": phone}, **KEY)
    assert response.status == 201


def test_life_of_a_verification_is_posted(environ, receiver, twilio):
    with server_process.running_server("--workers", "2", **environ) as service:
        send(service)
        otp = twilio.code_to(PHONE)
        service.post("/auth/verify_otp", {"phone": PHONE, "otp": otp}, **KEY)
        wait_for(receiver, 3)

    assert types_of(receiver) == [
        "verification.pending",
        "message.sent",
        "verification.approved",
    ]
    body = b"".join(post.body for post in receiver.requests)
    assert b"9445012345" not in body
    assert otp.encode() not in body


def test_number_is_posted_if_the_operator_wants_it(environ, receiver, twilio):
    settings = environ | {"OTP_EVENT_WEBHOOK_NUMBERS": "1"}
    with server_process.running_server(**settings) as service:
        send(service)
        wait_for(receiver, 2)

    assert {event["data"]["to"] for event in events_of(receiver)} == {PHONE}


def test_events_wait_for_a_receiver_that_rejects_them(environ, receiver, twilio):
    receiver.behave = http_server.respond(503)
    with server_process.running_server("--workers", "2", **environ) as service:
        send(service)
        redis_server.wait_until(lambda: len(receiver.requests) >= 2)
        receiver.behave = http_server.respond(204)
        redis_server.wait_until(lambda: len(receiver.requests) >= 3)

    first, second, third = receiver.requests[:3]
    assert first.body == second.body == third.body
    assert first.headers["webhook-id"] == third.headers["webhook-id"]


def test_two_instances_post_each_event_once(environ, receiver, twilio):
    phones = [f"+91944501{number:04}" for number in range(40)]
    with (
        server_process.running_server("--workers", "2", **environ) as first,
        server_process.running_server("--workers", "2", **environ) as second,
    ):
        for number, phone in enumerate(phones):
            send((first, second)[number % 2], phone)
        wait_for(receiver, 80)

    counts = Counter(event["id"] for event in events_of(receiver))
    assert len(counts) == 80
    assert set(counts.values()) == {1}


def test_events_of_a_killed_leader_are_posted_by_the_next_one(
    environ, receiver, twilio
):
    receiver.behave = http_server.respond(503)
    with server_process.running_server(**environ) as first:
        send(first)
        redis_server.wait_until(lambda: receiver.requests)
        for pid in (first.process.pid, *first.workers):
            os.kill(pid, signal.SIGKILL)
    receiver.behave = http_server.respond(204)
    before = len(receiver.requests)

    with (
        server_process.running_server(**environ),
        closing(Redis.from_url(environ["REDIS_URL"])) as redis,
    ):
        # The lease of the dead leader would last for half a minute.
        assert redis.pexpire(keys.EVENT_WEBHOOK_LEASE, 1, lt=True)
        redis_server.wait_until(lambda: len(receiver.requests) > before)

    assert receiver.requests[-1].body == receiver.requests[0].body


def run_documented_receiver(port):
    environ = {"WEBHOOK_SECRET": SECRET.to_text()}
    return documented_receiver.running(DOCUMENT, port, environ)


def test_documented_receiver_accepts_events(shared_environ, empty_redis, twilio):
    port = redis_server.free_port()
    settings = shared_environ | webhook_settings(f"http://127.0.0.1:{port}")
    with run_documented_receiver(port) as lines:
        doctor = run("doctor", **settings)
        with server_process.running_server(**settings) as service:
            send(service)
            redis_server.wait_until(lambda: len(lines) >= 3)

    assert "the receiver of the event webhook accepts events" in doctor.output
    assert [line.split()[0].removeprefix(TYPES) for line in lines] == [
        "test",
        "verification.pending",
        "message.sent",
    ]


def test_doctor_reports_a_receiver_that_rejects(environ, receiver):
    receiver.behave = http_server.respond(401)

    doctor = run("doctor", **environ)

    assert doctor.exit_code == 1
    assert "accepts no events: status 401" in doctor.output
