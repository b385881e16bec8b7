"""Fixtures of all tests: a store on each backend, and an engine that uses it."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings

from otp_engine.crypto.argon2 import PROFILES
from otp_engine.crypto.hash_queue import HashQueue
from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.engine import Engine
from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.limits.limits_by_name import LimitByName
from otp_engine.domain.messages.contents import TextDefaults
from otp_engine.domain.models import CheckRequest, SendRequest
from otp_engine.domain.phones import numbers
from otp_engine.domain.phones.destinations import AllowedDestinations
from otp_engine.domain.policy.by_country import ByCountry
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.pumping_guard.rules import GuardMode
from otp_engine.store.connection import connect
from otp_engine.store.redis_store import RedisStore
from tests.support import redis_server
from tests.support.fakes import (
    FakeSender,
    by_name,
)

hypothesis_settings.register_profile("project", deadline=None, derandomize=True)
hypothesis_settings.load_profile("project")

# A shell ignores SIGINT in the commands that it runs in the background, as nohup does
# SIGHUP, and every process of theirs inherits that. The tests stop servers with both.
# A process does not inherit a handler, and the one of SIGHUP keeps this run alive.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda number, frame: None)

TIMEOUT = timedelta(seconds=5)
KINDS = {"unit", "e2e", "browser", "fault"}
KIND_OF_FOLDER = {"e2e": "e2e", "examples": "e2e", "fault_injection": "fault"}
BACKENDS = ["embedded", "real"]
TESTS = Path(__file__).parent
# The tests of the domain and of the store compare both.
ON_ONE_BACKEND = {"api", "console", "ops", "web"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test that has no kind yet with the kind of its folder."""
    for item in items:
        if not KINDS & {mark.name for mark in item.iter_markers()}:
            folder = item.path.parent.name
            item.add_marker(KIND_OF_FOLDER.get(folder, "unit"))


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Leave generated API keys out of ids, which every worker must have in common."""
    return argname if isinstance(val, str) and "otp_live_" in val else None


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory) -> Iterator[str]:
    """Run a Redis for this test run; yield its URL."""
    with redis_server.redis_on_a_socket(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture(scope="session")
def real_connection(redis_url) -> Iterator[Any]:
    client: Any = connect(redis_url, TIMEOUT)
    yield client
    client.close()


@pytest.fixture
def real_redis(real_connection) -> Any:
    """Return a connection to the real Redis, which is empty."""
    real_connection.flushall()
    return real_connection


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test that uses a store on both, or on one where both behave alike."""
    if "store_backend" in metafunc.fixturenames:
        folders = set(metafunc.definition.path.relative_to(TESTS).parts)
        backends = [_one_backend()] if folders & ON_ONE_BACKEND else BACKENDS
        metafunc.parametrize("store_backend", backends, scope="session")


def _one_backend() -> str:
    has_redis = shutil.which("redis-server") is not None
    required = os.environ.get("OTP_REQUIRE_REDIS") == "1"
    return "real" if has_redis or required else "embedded"


@pytest.fixture(scope="session")
def connection(request: pytest.FixtureRequest, store_backend: str) -> Any:
    """Return a connection to a Redis: embedded in this process, or a real one."""
    if store_backend == "embedded":
        return connect(None, TIMEOUT)
    return request.getfixturevalue("real_connection")


@pytest.fixture
def redis(connection) -> Any:
    """Return a connection to an empty Redis."""
    connection.flushall()
    return connection


@pytest.fixture
def store(redis) -> Iterator[RedisStore]:
    store = RedisStore(redis)
    yield store
    # A later write would reach the Redis of the next test.
    store.events.flush(timeout=60)
    store.close()


@pytest.fixture(scope="session")
def shared_store(connection) -> RedisStore:
    """Return the store of the apps that several tests use."""
    return RedisStore(connection)


@pytest.fixture
def empty_shared_store(shared_store, redis) -> Iterator[RedisStore]:
    """Return the store of the apps, with an empty Redis."""
    yield shared_store
    # As for `store`.
    shared_store.events.flush(timeout=60)
    shared_store.close()


@pytest.fixture
def outbox() -> FakeSender:
    return FakeSender()


@pytest.fixture(scope="session")
def hashing() -> HashQueue:
    # A busy machine must not turn a rule into a 503.
    return HashQueue(2, wait=timedelta(minutes=1), max_waiting=1_000)


@pytest.fixture
def policy() -> Policy:
    """Return a policy without cooldown, limits and guard, for a test of one rule."""
    return Policy(
        resend_cooldown=timedelta(),
        sends_per_phone=Limit(),
        sends_per_ip=Limit(),
        sends_total=Limit(),
        calls_per_phone=Limit(),
        calls_per_country=LimitByName(),
        calls_total=Limit(),
        failed_checks_per_phone=Limit.parse("1000/1h"),
        checks_per_ip=Limit(),
        guard=ByCountry(GuardMode.OFF),
    )


@pytest.fixture
def engine(store, outbox, hashing, policy) -> Engine:
    return Engine(
        store=store,
        senders=by_name(outbox),
        hash_queue=hashing,
        peppers=(Pepper(b"p" * 32),),
        policy=policy,
        argon2=PROFILES["test"],
        destinations=AllowedDestinations({"IN"}),
        text_defaults=TextDefaults(brand="Acme"),
        random_bytes=secrets.token_bytes,
        clock=lambda: 0.0,
    )


@pytest.fixture
def alice() -> SendRequest:
    """Return a request for a code to Alice."""
    return SendRequest(address=numbers.parse("+919445012345", "IN"))


@pytest.fixture
def check_request(alice):
    """Return a function that makes a check of Alice's code."""

    def make(code: str, client_ip: str | None = None) -> CheckRequest:
        return CheckRequest(address=alice.address, code=code, client_ip=client_ip)

    return make
