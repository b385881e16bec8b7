"""`otp-engine policy try` on the events of a running service."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from tests.support import server_process
from tests.support.command_line import run
from tests.support.redis_server import wait_until

KEY = {"Authorization": "Bearer shop-secret-0123456789"}
SENDS = 120
LIMIT = "3/1s, 10/1m"


@pytest.fixture(scope="module")
def environ(shared_environ):
    return shared_environ | {
        "OTP_SENDS_PER_COUNTRY": "3/1s shadow, 10/1m shadow",
        "OTP_SENDS_PER_IP": "off",
    }


@pytest.fixture(scope="module")
def server(environ):
    with server_process.running_server("--workers", "2", **environ) as server:
        yield server


def send(server, index):
    body = {"phone": f"+9194450{index:05}", "client_ip": f"203.0.113.{index % 7}"}
    return server.post("/auth/send_otp", body, **KEY).status


def shown(environ, *arguments):
    result = run(*arguments, "--json", **environ)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def stored(environ, *arguments):
    return shown(environ, "events", *arguments).splitlines()


def test_replay_refuses_as_many_as_shadow_mode_of_simultaneous_sends(
    server, environ, empty_redis, twilio
):
    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(lambda index: send(server, index), range(SENDS)))

    assert statuses == [201] * SENDS
    # The workers write events after their requests.
    wait_until(lambda: len(stored(environ, "--kind", "sent")) == SENDS)
    refused = len(stored(environ, "--limit", "sends_per_country"))
    found = json.loads(shown(environ, "policy", "try", "sends_per_country", LIMIT))
    assert found["total"]["sends"] == SENDS
    assert 0 < found["total"]["refused"] == refused
    assert found["total"]["saved"] == refused
    assert found["countries"][0]["country"] == "IN"


def send_to_block(server, index):
    body = {"phone": f"+91944{index % 7:03}{index:04}", "client_ip": "203.0.113.7"}
    return server.post("/auth/send_otp", body, **KEY).status


def test_replay_of_the_guard_refuses_what_its_shadow_mode_reports(
    server, environ, empty_redis, twilio
):
    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(partial(send_to_block, server), range(SENDS)))

    assert statuses == [201] * SENDS
    wait_until(lambda: len(stored(environ, "--kind", "sent")) == SENDS)
    events = map(json.loads, stored(environ, "--limit", "pumping_guard"))
    reported = Counter(event["block_hash"] for event in events)
    found = json.loads(shown(environ, "policy", "try", "guard", "on"))
    refused = {block["block"]: block["refused"] for block in found["blocks"]}
    assert len(reported) == 7
    assert reported.total() < SENDS
    assert refused == reported
