"""Fixtures of the commands: an environment, and a service on the same Redis."""

from __future__ import annotations

import pytest

from otp_engine import config
from otp_engine.app import create_app
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
