"""Fallback across instances: processes on one Redis, and a provider that counts."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
import redis

from otp_engine.store import keys
from tests.support import redis_server, server_process, topologies, twilio_server
from tests.support.fallback_reports import (
    SETTINGS,
    fallbacks,
    first_messages,
    phone,
    report,
    report_each_twice,
    send,
)

LEASED = b":leased"
# The slow hash of a test takes seconds, in which a process is killed.
SLOW_HASHES = {"OTP_ARGON2": "m=262144,t=4,p=1", "OTP_HASH_WAIT": "10s"}


@pytest.fixture
def environ(own_environ):
    return own_environ | SETTINGS


@pytest.fixture
def start(environ):
    """Return a function that starts an instance for the rest of the test."""
    with ExitStack() as stack:

        def start(**more):
            server = server_process.running_server("--workers", "2", **environ | more)
            return stack.enter_context(server)

        yield start


@pytest.fixture
def index(environ):
    """Return a function that returns the members of the index of due fallbacks."""
    with redis.Redis.from_url(environ["REDIS_URL"]) as client:
        yield lambda: client.zrange(keys.DUE_FALLBACKS, 0, -1)


def test_each_undelivered_message_has_one_fallback(start, twilio, index):
    instances, count = [start(), start()], 200

    statuses = report_each_twice(instances, twilio, index, count)

    assert statuses == {204: 4 * count}
    assert fallbacks(twilio) == {phone(n): 1 for n in range(count)}


def test_silence_and_report_at_once_lead_to_one_fallback_each(start, twilio, index):
    instances, count = [start(OTP_FALLBACK_AFTER="2s") for _ in range(2)], 40
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: send(instances[n % 2], n), range(count)))
        # The first ones are due, and the last ones are not.
        redis_server.wait_until(lambda: len(fallbacks(twilio)) > 0)
        pairs = [(i, m) for m in first_messages(twilio) for i in instances]
        list(pool.map(lambda pair: report(*pair), pairs))
    redis_server.wait_until(lambda: not index())

    assert fallbacks(twilio) == {phone(n): 1 for n in range(count)}


def test_crash_after_the_claim_leads_to_one_fallback(start, twilio, index):
    crashing, other = start(**SLOW_HASHES), start(**SLOW_HASHES)
    send(crashing, 1)
    redis_server.wait_until(lambda: len(index()) == 1)
    report(crashing, first_messages(twilio)[0])
    redis_server.wait_until(lambda: index()[0].endswith(LEASED))

    kill(crashing)
    at_the_crash = sum(fallbacks(twilio).values())
    redis_server.wait_until(lambda: not index(), seconds=120)

    assert (at_the_crash, fallbacks(twilio)) == (0, {phone(1): 1})
    assert other.get("/healthz").status == 200


def test_crash_after_the_mark_leads_to_no_second_message(start, twilio, index):
    crashing, _ = start(), start()
    send(crashing, 1)
    redis_server.wait_until(lambda: len(index()) == 1)
    twilio.behave = twilio_server.hang
    report(crashing, first_messages(twilio)[0])
    redis_server.wait_until(lambda: sum(fallbacks(twilio).values()) == 1)

    kill(crashing)
    twilio.behave = twilio_server.accept
    redis_server.wait_until(lambda: not index(), seconds=120)

    assert fallbacks(twilio) == {phone(1): 1}


def test_stopping_worker_completes_its_fallback(start, twilio, index):
    stopping = start(OTP_ARGON2="m=262144,t=1,p=1", OTP_HASH_WAIT="10s")
    send(stopping, 1)
    redis_server.wait_until(lambda: len(index()) == 1)
    report(stopping, first_messages(twilio)[0])
    redis_server.wait_until(lambda: index()[0].endswith(LEASED))

    stopping.process.send_signal(signal.SIGTERM)
    stopping.process.wait(60)

    assert fallbacks(twilio) == {phone(1): 1}
    assert index() == []


def test_fallbacks_work_on_a_cluster(tmp_path, environ, twilio):
    with (
        topologies.cluster(tmp_path) as cluster,
        ExitStack() as stack,
        ThreadPoolExecutor(8) as pool,
    ):
        more = environ | {"REDIS_URL": cluster.url}
        instances = [
            stack.enter_context(server_process.running_server(**more)) for _ in range(2)
        ]
        list(pool.map(lambda n: send(instances[n % 2], n), range(30)))
        pairs = [(i, m) for m in first_messages(twilio) for i in instances]
        list(pool.map(lambda pair: report(*pair), pairs))
        redis_server.wait_until(lambda: len(fallbacks(twilio)) == 30)

    assert fallbacks(twilio) == {phone(n): 1 for n in range(30)}


def kill(instance):
    """Kill all processes of an instance at once."""
    for process in (instance.process.pid, *instance.workers):
        os.kill(process, signal.SIGKILL)
    instance.process.wait(60)
