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

from otp_engine.crypto.argon2 import PROFILES
from otp_engine.crypto.hash_pool import HashPool
from otp_engine.crypto.pepper import Pepper
from otp_engine.domain import phone
from otp_engine.domain.engine import Engine
from otp_engine.domain.limits import Limit
from otp_engine.domain.phone import Served
from otp_engine.domain.policy import Policy
from otp_engine.domain.verification import Asked, Guess
from otp_engine.store.connection import connect
from otp_engine.store.redis_store import RedisStore
from tests import servers
from tests.fakes import Outbox

hypothesis_settings.register_profile("ours", deadline=None, derandomize=True)
hypothesis_settings.load_profile("ours")

TIMEOUT = timedelta(seconds=5)


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory) -> Iterator[str]:
    """A real Redis of this test run's own."""
    with servers.redis_on_a_socket(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture
def real_client(redis_url) -> Iterator[Any]:
    """An empty Redis, a real one."""
    client: Any = connect(redis_url, TIMEOUT)
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
def hashing() -> HashPool:
    # A busy machine must not turn a rule into a 503.
    return HashPool(2, max_queued=1_000, queue_timeout=timedelta(minutes=1))


@pytest.fixture
def policy() -> Policy:
    """No cooldown and no limits, so that a test brings just the rule it is about."""
    return Policy(
        resend_cooldown=timedelta(),
        sends_per_phone=Limit(),
        sends_per_ip=Limit(),
        sends_total=Limit(),
        failed_checks_per_phone=Limit.parse("1000/1h"),
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
        cost=PROFILES["test"],
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
