"""Connections to Redis: one server, Sentinel, a Cluster, or one in this process.

With the defaults of redis-py (5 s timeouts, 10 retries for a connection times those for
a command) a request would wait for minutes when Redis is down. These clients never
retry; `otp_engine.store.redis_client` does, once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Protocol, TypeAlias

import redis
from redis.backoff import NoBackoff
from redis.client import Pipeline
from redis.connection import ConnectionPool, UnixDomainSocketConnection
from redis.retry import Retry
from redis.sentinel import Sentinel

from otp_engine.config import redis_urls
from otp_engine.config.redis_urls import RedisUrl
from otp_engine.errors import InvalidSettings
from otp_engine.store.cluster import ClusterTopology
from otp_engine.store.node_client import NodeClient
from otp_engine.store.tls_connection import SentinelTlsConnection, TlsConnection

Argument: TypeAlias = str | bytes | int
"""An argument of a command."""

Entry: TypeAlias = tuple[bytes, dict[bytes, bytes]]
"""An entry of a stream: its id and its fields."""


class RedisCommands(Protocol):
    """The commands in use, with undecoded replies.

    The annotation of redis-py is `bytes | str`, because the type of a reply depends on
    an option that is never set here. Arguments are open where keywords are in use.
    """

    config_get: Callable[[str], dict[str, str]]
    delete: Callable[..., int]
    eval: Callable[..., Any]
    evalsha: Callable[..., Any]
    exists: Callable[[str], int]
    get: Callable[[str], bytes | None]
    hdel: Callable[..., int]
    hget: Callable[[str, str], bytes | None]
    hmget: Callable[[str, Sequence[str]], list[bytes | None]]
    hgetall: Callable[[str], dict[bytes, bytes]]
    hvals: Callable[[str], list[bytes]]
    info: Callable[[], dict[str, Any]]
    lindex: Callable[[str, int], bytes | None]
    lrange: Callable[[str, int, int], list[bytes]]
    mget: Callable[[Sequence[str]], list[bytes | None]]
    ping: Callable[[], bool]
    pipeline: Callable[..., Pipeline]
    pttl: Callable[[str], int]
    sadd: Callable[[str, str], int]
    set: Callable[..., bool | None]
    sismember: Callable[[str, str], int]
    srem: Callable[[str, str], int]
    time: Callable[[], tuple[int, int]]
    xlen: Callable[[str], int]
    xrange: Callable[[str, str, str, int], list[Entry]]
    xrevrange: Callable[[str, str, str, int], list[Entry]]
    zadd: Callable[..., int]
    zrange: Callable[..., list[Any]]
    zrem: Callable[..., int]


Client: TypeAlias = redis.Redis | ClusterTopology
"""The client of one server, or the topology of a Cluster with a client a node."""


def connect(url: str | None, timeout: timedelta) -> Client:
    """Return a client of the Redis at *url*.

    This opens no connection, so a service can start before its Redis.

    Args:
        url: A `REDIS_URL`, as `config.redis_urls` parses it; None for an embedded Redis
            in this process.
        timeout: Maximum duration of a command.

    Raises:
        InvalidSettings: *url* is not valid, or a file of its TLS options cannot be
            used.
    """
    if url is None:
        return _embedded()
    try:
        parsed = redis_urls.parse(url)
    except ValueError as error:
        raise InvalidSettings([f"REDIS_URL {error}"]) from None
    options: dict[str, Any] = {
        "socket_timeout": timeout.total_seconds(),
        "socket_connect_timeout": timeout.total_seconds() / 2,
        "retry": Retry(NoBackoff(), 0),
        # Without CLIENT SETINFO and HELLO: each would be a round trip before the first
        # command, with a timeout of its own.
        "protocol": 2,
        "driver_info": None,
    }
    if parsed.tls:
        options |= {"tls": parsed.tls, "connection_class": TlsConnection}
    login = {**options, **parsed.login}
    match parsed.kind:
        case "sentinel":
            return _sentinel(parsed, options)
        case "cluster":
            return ClusterTopology(
                parsed.hosts,
                lambda host, port: _pooled(login, host=host, port=port),
                timeout=options["socket_connect_timeout"],
            )
        case "socket":
            login["connection_class"] = UnixDomainSocketConnection
            return _pooled(login, path=parsed.name, db=parsed.database)
        case _:
            host, port = parsed.hosts[0]
            return _pooled(login, host=host, port=port, db=parsed.database)


def _embedded() -> redis.Redis:
    # Imported here because only dev mode has it installed.
    from fakeredis import FakeRedis, FakeServer  # noqa: PLC0415 - see above

    return FakeRedis(server=FakeServer())


def _pooled(options: Mapping[str, Any], **address: Any) -> redis.Redis:  # noqa: ANN401 - redis-py's arguments
    return NodeClient.from_pool(ConnectionPool(**options, **address))


def _sentinel(url: RedisUrl, options: dict[str, Any]) -> redis.Redis:
    if url.tls:
        to_primary = {**options, "connection_class": SentinelTlsConnection}
    else:
        to_primary = options
    sentinel = Sentinel([], **to_primary, **url.login, db=url.database)
    # Its own clients of the Sentinels could not share the TLS context.
    to_sentinel = {**options, **url.sentinel_login}
    sentinel.sentinels = [
        _pooled(to_sentinel, host=host, port=port) for host, port in url.hosts
    ]
    primary: redis.Redis = sentinel.master_for(url.name, redis_class=NodeClient)
    return primary
