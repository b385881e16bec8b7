"""What operators see of a running service: two instances of two workers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tests.support import redis_server, server_process
from tests.support.command_line import run
from tests.support.fakes import different_code
from tests.support.metrics_page import values

KEY = {"Authorization": "Bearer shop-secret-0123456789"}
SCRAPE = {"Authorization": "Bearer metrics-secret-0123456789"}
SENT = "otp_sends_total{channel=sms,country=IN,outcome=accepted}"
REFUSED = "otp_refusals_total{action=send,limit=sends_per_phone}"
SHADOW = "otp_shadow_refusals_total{action=send,limit=sends_per_phone}"
WRONG = "otp_checks_total{outcome=wrong}"
APPROVED = "otp_approvals_total{channel=sms,country=IN}"
ACCEPTED = "otp_provider_duration_seconds_count{outcome=accepted,sender=twilio}"
HASHES = "otp_hashing_duration_seconds_count"
SETTINGS = {
    "OTP_METRICS_KEY": "metrics-secret-0123456789",
    "OTP_RESEND_COOLDOWN": "0s",
    "OTP_SENDS_PER_PHONE": "2/1h",
}


@pytest.fixture(scope="module")
def environ(shared_environ):
    return shared_environ | SETTINGS


@contextmanager
def running_pair(environ):
    with (
        server_process.running_server("--workers", "2", **environ) as first,
        server_process.running_server("--workers", "2", **environ) as second,
    ):
        yield first, second


@pytest.fixture(scope="module")
def shared_pair(environ):
    with running_pair(environ) as pair:
        yield pair


@pytest.fixture
def pair(shared_pair, empty_redis, twilio):
    return shared_pair


def metrics(server):
    return Counter(values(server.read("/metrics", **SCRAPE)))


def metrics_of(pair):
    return metrics(pair[0]) + metrics(pair[1])


def versions(pair):
    return {metrics(server).get("otp_policy_version") for server in pair}


def number(n):
    return f"+9194450{n:05}"


def test_metrics_of_both_instances_add_up_to_what_happened(pair, twilio):
    before = metrics_of(pair)

    def verify(n):
        """Send three times, the last over the limit; check a wrong and a right code."""
        phone = {"phone": number(n)}
        instances = [pair[(n + turn) % 2] for turn in range(5)]
        for turn in range(3):
            instances[turn].post("/auth/send_otp", phone, **KEY)
        code = twilio.code_to(phone["phone"])
        for turn, otp in ((3, different_code(code)), (4, code)):
            instances[turn].post("/auth/verify_otp", phone | {"otp": otp}, **KEY)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(verify, range(20)))

    grown = metrics_of(pair)
    grown.subtract(before)
    assert len(twilio.messages) == 40
    assert (grown[SENT], grown[REFUSED], grown[SHADOW]) == (40, 20, 0)
    assert (grown[WRONG], grown[APPROVED]) == (20, 20)
    assert grown[ACCEPTED] == 40
    assert grown[HASHES] == 80


def test_every_worker_reports_metrics_of_its_whole_instance(pair):
    before = [metrics(server)[SENT] for server in pair]

    for n in range(6):
        pair[0].post("/auth/send_otp", {"phone": number(n)}, **KEY)

    # One of two workers rarely accepts all of 16 connections.
    assert {metrics(pair[0])[SENT] for _ in range(16)} == {before[0] + 6}
    assert metrics(pair[1])[SENT] == before[1]


def test_metrics_of_killed_worker_are_kept(own_environ):
    with server_process.running_server(
        "--workers", "1", **own_environ | SETTINGS
    ) as server:
        server.post("/auth/send_otp", {"phone": number(0)}, **KEY)
        [worker] = server.workers
        os.kill(worker, signal.SIGKILL)
        redis_server.wait_until(lambda: server.workers not in ([], [worker]))
        redis_server.wait_until(lambda: is_healthy(server))

        server.post("/auth/send_otp", {"phone": number(1)}, **KEY)

        assert metrics(server)[SENT] == 2


def is_healthy(server):
    try:
        return server.get("/healthz").status == 200
    except OSError:
        return False


# An instance keeps a policy version that is gone from Redis, so these are its own.
def test_shadow_limit_is_counted_and_refuses_nothing(own_environ):
    environ = own_environ | SETTINGS
    with running_pair(environ) as (first, second):
        change = ("sends_per_phone", "1/1h shadow", "--reason", "a trial")
        changed = run("policy", "set", *change, **environ)
        redis_server.wait_until(lambda: versions((first, second)) == {1})

        statuses = [
            server.post("/auth/send_otp", {"phone": number(0)}, **KEY).status
            for server in (first, second, first)
        ]

        redis_server.wait_until(lambda: len(events(environ, "--kind", "refused")) == 2)
        counted = metrics_of((first, second))
    assert statuses == [201] * 3
    assert (
        "! sends_per_phone 1/1h is in shadow mode, and refuses nothing"
        in changed.stderr
    )
    assert (counted[SENT], counted[SHADOW], counted[REFUSED]) == (3, 2, 0)
    shown = map(json.loads, events(environ, "--json", "--kind", "refused"))
    assert [(event["limit"], event["shadow"]) for event in shown] == [
        ("sends_per_phone", True)
    ] * 2


def events(environ, *arguments):
    """Return the lines that `otp-engine events` prints."""
    return run("events", *arguments, **environ).stdout.splitlines()


@contextmanager
def following(environ):
    """Run `otp-engine events --follow`; yield the process and its growing lines."""
    lines: list[str] = []
    with subprocess.Popen(
        [*server_process.PROGRAM, "events", "--follow", "--json"],
        env=server_process.PATH | environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as follower:
        assert follower.stdout
        # It extends the list line by line, as they arrive.
        reader = threading.Thread(target=lines.extend, args=(follower.stdout,))
        reader.start()
        try:
            yield follower, lines
        finally:
            follower.kill()
            reader.join()


def test_followed_events_arrive_in_order_without_code_or_number(pair, environ, twilio):
    first, second = pair
    phone = {"phone": number(7)}

    def post_and_wait(server, path, body):
        count = len(lines)
        assert server.post(path, body, **KEY).status == 201
        redis_server.wait_until(lambda: len(lines) == count + 1)

    with following(environ) as (follower, lines):
        post_and_wait(first, "/auth/send_otp", phone)
        code = twilio.code_to(phone["phone"])
        wrong = phone | {"otp": different_code(code)}
        post_and_wait(second, "/auth/verify_otp", wrong)
        post_and_wait(second, "/auth/verify_otp", phone | {"otp": code})
        follower.send_signal(signal.SIGINT)
        exit_code = follower.wait(60)
        errors = follower.stderr.read()

    events = list(map(json.loads, lines))
    assert [event["kind"] for event in events] == ["sent", "failed_check", "approved"]
    assert len({event["phone_hash"] for event in events}) == 1
    assert events[0]["verification_id"] == events[2]["verification_id"]
    assert (errors, exit_code) == ("", 0)
    assert code not in "".join(lines)
    assert number(7)[1:] not in "".join(lines)
