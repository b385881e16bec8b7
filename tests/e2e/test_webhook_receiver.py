"""The receiver of docs/providers.md, as a process beside the service."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from otp_engine.crypto import api_keys, webhook_signatures
from otp_engine.crypto.webhook_signatures import WebhookSecret
from tests.support import documented_code, redis_server, server_process

SECRET = WebhookSecret(bytes(range(32)))
KEY = "shop-secret-0123456789"
AUTHORIZATION = {"Authorization": f"Bearer {KEY}"}


@contextmanager
def running_receiver(source: str, secret: WebhookSecret = SECRET):
    port = redis_server.free_port()
    environ = {"PORT": str(port), "WEBHOOK_SECRET": secret.to_text()}
    with subprocess.Popen(
        [sys.executable, "-c", source],
        env=server_process.PATH | environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            redis_server.wait_until(lambda: redis_server.listens(port))
            yield process, f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def environ(url: str, **changes: str) -> dict[str, str]:
    return {
        "OTP_DEV": "1",
        "OTP_ARGON2": "test",
        "OTP_SENDER": "gateway",
        "OTP_WEBHOOKS": f"gateway={url}",
        "OTP_WEBHOOK_SECRETS": f"gateway={SECRET.to_text()}",
        "OTP_API_KEYS": api_keys.env_entry("shop", KEY),
        "OTP_PEPPER": base64.b64encode(server_process.PEPPER.secret).decode(),
        **changes,
    }


@pytest.fixture(scope="module")
def source():
    return documented_code.block("## A receiver", "python")


def test_receiver_of_the_documentation_has_about_30_lines(source):
    assert len([line for line in source.splitlines() if line]) <= 36


def test_receiver_of_the_documentation_gets_a_message(source):
    with (
        running_receiver(source) as (receiver, url),
        server_process.running_server(**environ(url)) as server,
    ):
        response = server.post(
            "/auth/send_otp", {"phone": "9445012345"}, **AUTHORIZATION
        )

        assert response.status == 201
        assert receiver.stdout.readline() == "to +91... on sms\n"


def test_receiver_of_the_documentation_rejects_another_secret(source):
    with (
        running_receiver(source, WebhookSecret(b"o" * 24)) as (_, url),
        server_process.running_server(**environ(url)) as server,
    ):
        response = server.post(
            "/auth/send_otp", {"phone": "9445012345"}, **AUTHORIZATION
        )

        assert (response.status, response.body["error"]) == (502, "delivery_failed")


def test_receiver_of_the_documentation_sends_a_repeated_message_once(source):
    body = json.dumps(
        {"to": "+919445012345", "channel": "sms", "delivery_id": "d" * 40}
    )
    headers = webhook_signatures.sign(
        [SECRET], message_id="d" * 40, at=datetime.now(UTC), body=body.encode()
    )
    with running_receiver(source) as (receiver, url):
        answers = []
        for _ in range(2):
            request = urllib.request.Request(url, body.encode(), headers)  # noqa: S310 - the server of this test
            with urllib.request.urlopen(request) as response:  # noqa: S310 - as above
                answers.append(json.load(response))
        receiver.terminate()

        assert answers == [{"message_id": "d" * 12}] * 2
        assert receiver.stdout.read() == "to +91... on sms\n"


def test_report_of_the_documentation_is_received(source):
    report = documented_code.block("## Delivery reports", "json").encode()
    headers = webhook_signatures.sign(
        [SECRET], message_id="report-1", at=datetime.now(UTC), body=report
    )
    changed = report.replace(b"undelivered", b"delivered")
    with server_process.running_server(**environ("http://127.0.0.1:9/")) as server:
        path = "/callbacks/webhook/gateway"
        statuses = [
            server.post_bytes(path, report, **headers),
            server.post_bytes(path, report, **headers),
            server.post_bytes(path, report),
            server.post_bytes(path, changed, **headers),
            server.post_bytes("/callbacks/webhook/other", report, **headers),
        ]

    assert statuses == [204, 204, 401, 401, 404]


def test_doctor_reports_the_connection_to_each_receiver(source):
    with running_receiver(source) as (_, url):
        reached = server_process.run("doctor", **environ(url))
    unreached = server_process.run("doctor", **environ(url))

    assert "the sender (gateway) answers" in reached.stderr + reached.stdout
    problem = "the sender (gateway) does not answer: connection refused"
    assert problem in unreached.stderr + unreached.stdout
    assert unreached.returncode == 1
