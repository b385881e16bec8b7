"""What tests are handed: a store, twice over, and an engine on it."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings

from otp_engine.domain import phone
from otp_engine.domain.engine import Engine
from otp_engine.domain.hashing import COSTS, HashingPool
from otp_engine.domain.limits import Limit
from otp_engine.domain.pepper import Pepper
from otp_engine.domain.phone import Served
from otp_engine.domain.policy import Policy
from otp_engine.domain.verification import Asked, Guess
from otp_engine.store.connection import Client, connect
from otp_engine.store.verifications import RedisStore
from tests import servers
from tests.fakes import Outbox

hypothesis_settings.register_profile("ours", deadline=None, derandomize=True)
hypothesis_settings.load_profile("ours")

TIMEOUT = timedelta(seconds=5)
KINDS = {"unit", "e2e", "browser", "fault"}
KIND_OF_FOLDER = {"e2e": "e2e", "fault_injection": "fault"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test that has no kind yet with the kind of its folder."""
    for item in items:
        if not KINDS & {mark.name for mark in item.iter_markers()}:
            folder = item.path.parent.name
            item.add_marker(KIND_OF_FOLDER.get(folder, "unit"))


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory) -> Iterator[str]:
    """A real Redis of this test run's own."""
    with servers.redis_on_a_socket(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture
def real_client(redis_url) -> Iterator[Client]:
    """An empty Redis, a real one."""
    client = connect(redis_url, TIMEOUT)
    client.flushall()
    yield client
    client.close()


@pytest.fixture(params=["embedded", "real"])
def client(request: pytest.FixtureRequest) -> Any:
    """An empty Redis: the one inside the process, then a real one."""
    if request.param == "embedded":
        return connect(None, TIMEOUT)
    return request.getfixturevalue("real_client")


@pytest.fixture
def one_client(request: pytest.FixtureRequest) -> Any:
    """An empty Redis, a real one if there is any."""
    if shutil.which("redis-server") or os.environ.get("OTP_REQUIRE_REDIS") == "1":
        return request.getfixturevalue("real_client")
    return connect(None, TIMEOUT)


@pytest.fixture
def store(client) -> RedisStore:
    return RedisStore(client)


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


@pytest.fixture(scope="session")
def hashing() -> HashingPool:
    # A busy machine must not turn a rule into a 503.
    return HashingPool(2, waiting=1_000, patience=timedelta(minutes=1))


@pytest.fixture
def policy() -> Policy:
    """No cooldown and no limits, so that a test brings just the rule it is about."""
    return Policy(
        resend_cooldown=timedelta(),
        sends_per_phone=Limit(),
        sends_per_ip=Limit(),
        sends_total=Limit(),
        wrong_checks_per_phone=Limit.parse("1000/1h"),
        checks_per_ip=Limit(),
    )


@pytest.fixture
def engine(store, outbox, hashing, policy) -> Engine:
    return Engine(
        store=store,
        sender=outbox,
        hashing=hashing,
        peppers=(Pepper(b"p" * 32),),
        policy=policy,
        cost=COSTS["test"],
        served=Served({"IN"}),
        brand="Acme",
        entropy=secrets.token_bytes,
        clock=lambda: 0.0,
    )


@pytest.fixture
def alice() -> Asked:
    """Alice asks for a code."""
    return Asked(number=phone.read("+919445012345", "IN"))


@pytest.fixture
def guess(alice):
    """Make a guess at Alice's code."""

    def typed(code: str, address: str | None = None) -> Guess:
        return Guess(number=alice.number, code=code, address=address)

    return typed
