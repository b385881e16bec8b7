"""What is reported of a Redis that can lose factors."""

from __future__ import annotations

import pytest
import redis

from otp_engine.store.connection import connect
from otp_engine.store.persistence import factor_warnings
from otp_engine.store.redis_store import RedisStore
from tests.conftest import TIMEOUT
from tests.support import redis_server

SAFE = {
    "maxmemory_policy": "noeviction",
    "aof_enabled": 1,
    "connected_slaves": 1,
}


@pytest.mark.parametrize("appendfsync", ["always", "everysec"])
def test_safe_redis_has_no_warning(appendfsync):
    assert factor_warnings(SAFE, appendfsync=appendfsync) == []


@pytest.mark.parametrize(
    ("info", "appendfsync", "warning"),
    [
        ({"maxmemory_policy": "allkeys-lru"}, "always", "can evict authenticator apps"),
        ({"aof_enabled": 0}, "always", "set appendonly yes"),
        ({"aof_enabled": 0}, None, "set appendonly yes"),
        ({}, "no", "(appendfsync no): set appendfsync always"),
        ({}, None, "does not show appendfsync to this user"),
        ({"connected_slaves": 0}, "always", "a lost disk loses every authenticator"),
    ],
)
def test_setting_that_can_lose_factors_is_reported(info, appendfsync, warning):
    [reported] = factor_warnings(SAFE | info, appendfsync=appendfsync)

    assert warning in reported


def test_eviction_of_keys_with_an_expiry_only_is_not_reported_of_factors():
    info = SAFE | {"maxmemory_policy": "volatile-lru"}

    assert factor_warnings(info, appendfsync="always") == []


def test_appendfsync_of_a_redis_is_read(tmp_path):
    options = ("--appendonly", "yes", "--appendfsync", "no")
    with redis_server.redis_on_a_port(tmp_path, *options) as port:
        store = RedisStore(connect(f"redis://127.0.0.1:{port}", TIMEOUT))

        warnings = store.factor_warnings()

    assert "(appendfsync no)" in warnings[0]
    assert "no replica" in warnings[1]


def test_user_without_config_get_is_reported(tmp_path):
    with (
        redis_server.redis_on_a_port(tmp_path, "--appendonly", "yes") as port,
        redis.Redis(port=port) as admin,
    ):
        admin.acl_setuser("otp", enabled=True, passwords="+pw", commands=["+info"])
        store = RedisStore(connect(f"redis://otp:pw@127.0.0.1:{port}", TIMEOUT))

        warnings = store.factor_warnings()

    assert "does not show appendfsync" in warnings[0]
