"""How Redis is reached: one server, Sentinel, a Cluster, or one inside the process.

redis-py's own patience (5 s timeouts, 10 retries) would hold a request for a minute
when Redis is gone. Here a question is asked twice at most, and every script can be
asked twice without harm.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.exceptions import RedisClusterException, RedisError
from redis.retry import Retry
from redis.sentinel import Sentinel

from otp_engine.errors import StoreUnavailable

log = logging.getLogger(__name__)

Client = redis.Redis | RedisCluster

_PORT = 6379
_SENTINEL_PORT = 26379
_ATTEMPTS_AGAIN = 1


def connect(url: str | None, timeout: timedelta) -> Client:
    """Reach the Redis of *url*, or with none begin one inside this process.

    Nothing is asked of a single server yet; Sentinel and Cluster are asked where the
    data lives.

    Raises:
        StoreUnavailable: No node of the Cluster answers.
    """
    if url is None:
        return _embedded()
    options: dict[str, Any] = {
        "socket_timeout": timeout.total_seconds(),
        "socket_connect_timeout": timeout.total_seconds() / 2,
        "retry": Retry(NoBackoff(), _ATTEMPTS_AGAIN),
        # A new connection says nothing about itself: each of those four words would
        # be a round trip before the first question, with a timeout of its own.
        "protocol": 2,
        "driver_info": None,
    }
    parts = urlsplit(url)
    with refusals_as_unavailable():
        match parts.scheme:
            case "redis+sentinel":
                return _sentinel(parts, options)
            case "redis+cluster":
                return _cluster(parts, options)
            case _:
                return redis.Redis.from_url(url, **options)


@contextmanager
def refusals_as_unavailable() -> Iterator[None]:
    """Say `StoreUnavailable` for whatever redis-py raises.

    Only the kind of the error is logged: its text can repeat what was asked.
    """
    try:
        yield
    except (RedisError, RedisClusterException) as error:
        log.error("redis: %s", type(error).__name__)  # noqa: TRY400 - a traceback's last line is the text
        raise StoreUnavailable from None


def _embedded() -> Client:
    # Imported here because only dev has it installed.
    from fakeredis import FakeRedis, FakeServer  # noqa: PLC0415 - see above

    return FakeRedis(server=FakeServer())


def _sentinel(parts: SplitResult, options: dict[str, Any]) -> Client:
    sentinel = Sentinel(
        _hosts(parts, _SENTINEL_PORT),
        sentinel_kwargs=options,
        **options,
        **_login(parts),
    )
    master: redis.Redis = sentinel.master_for(parts.path.strip("/"))
    return master


def _cluster(parts: SplitResult, options: dict[str, Any]) -> Client:
    nodes = [ClusterNode(host, port) for host, port in _hosts(parts, _PORT)]
    return RedisCluster(startup_nodes=nodes, **options | _login(parts))


def _hosts(parts: SplitResult, port: int) -> list[tuple[str, int]]:
    hosts = [urlsplit(f"//{host}") for host in parts.netloc.split("@")[-1].split(",")]
    return [(host.hostname or "", host.port or port) for host in hosts]


def _login(parts: SplitResult) -> dict[str, str]:
    login = parts.netloc.rpartition("@")[0]
    username, _, password = (unquote(part) for part in login.partition(":"))
    given = {"username": username, "password": password}
    return {name: value for name, value in given.items() if value}
