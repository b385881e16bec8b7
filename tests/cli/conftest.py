"""Fixtures of the commands: an environment, and a service on the same Redis."""

from __future__ import annotations

import base64
import secrets
from datetime import UTC, datetime, timedelta

import pytest

from otp_engine import config
from otp_engine.app import create_app
from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.events import CodeSent, RequestRefused
from otp_engine.domain.models import Channel
from otp_engine.domain.phones import numbers
from otp_engine.domain.recipients import PseudonymousRecipient
from otp_engine.domain.send_facts import SendFacts
from otp_engine.store import keys
from otp_engine.store.events import codec
from otp_engine.store.redis_store import RedisStore
from tests.support import server_process
from tests.support.command_line import run
from tests.support.fakes import by_name


@pytest.fixture
def environ(redis_url, real_redis):
    return server_process.production(redis_url, "http://127.0.0.1") | {
        "OTP_MAX_SENDS": "4",
        "OTP_ARGON2": "m=64,t=1,p=1",
    }


@pytest.fixture
def policy(environ):
    """Run a command about the policy."""

    def run_policy(*arguments):
        return run("policy", *arguments, **environ)

    return run_policy


@pytest.fixture
def service(environ, real_redis, outbox):
    """The API of a service with the same settings, on the same Redis."""
    store = RedisStore(real_redis)
    yield create_app(
        config.load(environ), store=store, senders=by_name(outbox)
    ).test_client()
    # A later write would reach the Redis of the next test.
    store.events.flush(timeout=60)
    store.close()


@pytest.fixture
def pepper(environ):
    return Pepper(base64.b64decode(environ["OTP_PEPPER"]))


@pytest.fixture
def stored(real_redis, pepper):
    """Return a function that stores an event of some time ago."""
    now = datetime.now(UTC)

    def add(age, event):
        at = int((now - age).timestamp() * 1000)
        is_refusal = isinstance(event, RequestRefused)
        stream = keys.UNAUTHENTICATED_EVENTS if is_refusal else keys.EVENTS
        real_redis.xadd(stream, codec.encode(event), id=f"{at}-*")

    return add


@pytest.fixture
def sent(stored, pepper):
    """Return a function that stores a message, and returns its verification."""

    def add(number, age, **facts):
        verification_id = secrets.token_bytes(16)
        recipient = PseudonymousRecipient.from_address(
            numbers.parse(number, "IN"), pepper, "203.0.113.7"
        )
        counted_at = int((datetime.now(UTC) - age).timestamp() * 1000)
        event = CodeSent(
            recipient=recipient,
            verification_id=verification_id,
            send_id=b"12345678",
            service="",
            channel=Channel.SMS,
            code_length=6,
            locale=None,
            facts=SendFacts(counted_at=counted_at, **facts),
        )
        stored(age - timedelta(milliseconds=5), event)
        return event

    return add
