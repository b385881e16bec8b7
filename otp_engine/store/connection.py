"""Connections to Redis: one server, Sentinel, a Cluster, or one in this process.

With the defaults of redis-py (5 s timeouts, 10 retries for a connection times those for
a command) a request would wait for minutes when Redis is down. These clients never
retry; `otp_engine.store.redis_client` does, once.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Protocol, TypeAlias
from urllib.parse import SplitResult, unquote, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.client import Pipeline
from redis.connection import Connection, SSLConnection, parse_url
from redis.exceptions import RedisError
from redis.retry import Retry
from redis.sentinel import Sentinel

from otp_engine.errors import InvalidSettings
from otp_engine.store.cluster import ClusterTopology

Argument: TypeAlias = str | bytes | int
"""An argument of a command."""

Entry: TypeAlias = tuple[bytes, dict[bytes, bytes]]
"""An entry of a stream: its id and its fields."""


class RedisCommands(Protocol):
    """The commands in use, with undecoded replies.

    The annotation of redis-py is `bytes | str`, because the type of a reply depends on
    an option that is never set here. Arguments are open where keywords are in use.
    """

    delete: Callable[..., int]
    eval: Callable[..., Any]
    evalsha: Callable[..., Any]
    hget: Callable[[str, str], bytes | None]
    hgetall: Callable[[str], dict[bytes, bytes]]
    hvals: Callable[[str], list[bytes]]
    info: Callable[[], dict[str, Any]]
    lindex: Callable[[str, int], bytes | None]
    lrange: Callable[[str, int, int], list[bytes]]
    mget: Callable[[Sequence[str]], list[bytes | None]]
    ping: Callable[[], bool]
    pipeline: Callable[..., Pipeline]
    sadd: Callable[[str, str], int]
    set: Callable[..., bool | None]
    sismember: Callable[[str, str], int]
    srem: Callable[[str, str], int]
    xrange: Callable[[str, str, str, int], list[Entry]]
    xrevrange: Callable[[str, str, str, int], list[Entry]]
    zrange: Callable[..., list[Any]]
    zrem: Callable[..., int]


Client: TypeAlias = redis.Redis | ClusterTopology
"""The client of one server, or the topology of a Cluster with a client a node."""

_PORT = 6379
_SENTINEL_PORT = 26379
_UNKNOWN = "REDIS_URL has a part or an option that redis-py does not know"
_TLS_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")


def connect(url: str | None, timeout: timedelta) -> Client:
    """Return a client of the Redis at *url*.

    This opens no connection, so a service can start before its Redis.

    Args:
        url: `redis[s]://`, `redis[s]+sentinel://` or `redis[s]+cluster://`; None for an
            embedded Redis in this process.
        timeout: Maximum duration of a command.

    Raises:
        InvalidSettings: redis-py cannot parse *url*, or a file of its TLS options
            cannot be read.
    """
    if url is None:
        return _embedded()
    options: dict[str, Any] = {
        "socket_timeout": timeout.total_seconds(),
        "socket_connect_timeout": timeout.total_seconds() / 2,
        "retry": Retry(NoBackoff(), 0),
        # Without CLIENT SETINFO and HELLO: each would be a round trip before the first
        # command, with a timeout of its own.
        "protocol": 2,
        "driver_info": None,
    }
    parts = urlsplit(url)
    if parts.scheme.startswith("rediss"):
        options["redis_connect_func"] = _log_in
    match parts.scheme.partition("+"):
        case _, _, "sentinel":
            return _sentinel(parts, options | _tls(parts))
        case _, _, "cluster":
            return _cluster(parts, options | _tls(parts))
        case _:
            return _server(url, options)


def _embedded() -> redis.Redis:
    # Imported here because only dev mode has it installed.
    from fakeredis import FakeRedis, FakeServer  # noqa: PLC0415 - see above

    return FakeRedis(server=FakeServer())


def _log_in(connection: Connection) -> None:
    """Log in on a new *connection* with TLS, and read its session tickets.

    With TLS 1.3 a server sends them right after the handshake. redis-py replaces a new
    connection with unread bytes, so this reads a reply before redis-py checks.
    """
    connection.on_connect()
    connection.send_command("PING", check_health=False)
    connection.read_response()


def _server(url: str, options: dict[str, Any]) -> redis.Redis:
    try:
        client = redis.Redis.from_url(url, **options)
        client.connection_pool.make_connection()
    except (TypeError, ValueError, RedisError):
        raise InvalidSettings([_UNKNOWN]) from None
    _require_files(client.connection_pool.connection_kwargs)
    return client


def _sentinel(parts: SplitResult, options: dict[str, Any]) -> redis.Redis:
    sentinel = Sentinel(
        _hosts(parts, _SENTINEL_PORT),
        sentinel_kwargs=options,
        **options,
        **_credentials(parts),
    )
    master: redis.Redis = sentinel.master_for(parts.path.strip("/"))
    return master


def _cluster(parts: SplitResult, options: dict[str, Any]) -> ClusterTopology:
    return ClusterTopology(
        _hosts(parts, _PORT),
        options | _credentials(parts),
        timeout=options["socket_connect_timeout"],
    )


def _tls(parts: SplitResult) -> dict[str, Any]:
    """Parse the TLS options of a URL, named as in redis-py's own `rediss://` URLs.

    They apply to every connection: those to Sentinels and those to data nodes.

    Returns:
        Keyword arguments of `redis.Redis`; empty without TLS.

    Raises:
        InvalidSettings: An option is unknown to redis-py or not about TLS, or a file
            cannot be read.
    """
    try:
        options: dict[str, Any] = parse_url(f"rediss://?{parts.query}")
        del options["connection_class"]
        SSLConnection(**options)
    except (TypeError, ValueError, RedisError):
        raise InvalidSettings([_UNKNOWN]) from None
    secure = parts.scheme.startswith("rediss")
    if any(not (secure and name.startswith("ssl_")) for name in options):
        problem = (
            "REDIS_URL of Sentinel or a Cluster can have only ssl_... options, and only"
            " with rediss+sentinel:// or rediss+cluster://"
        )
        raise InvalidSettings([problem])
    _require_files(options)
    return options | {"ssl": True} if secure else {}


def _require_files(options: Mapping[str, Any]) -> None:
    """Check that each file of the TLS *options* can be read.

    Without this check a wrong path would look like a refused connection.

    Raises:
        InvalidSettings: A file cannot be read.
    """
    for name in _TLS_FILES:
        if (path := options.get(name)) and not os.access(path, os.R_OK):
            raise InvalidSettings([f"REDIS_URL has a file that cannot be read: {name}"])


def _hosts(parts: SplitResult, port: int) -> list[tuple[str, int]]:
    hosts = [urlsplit(f"//{host}") for host in parts.netloc.split("@")[-1].split(",")]
    return [(host.hostname or "", host.port or port) for host in hosts]


def _credentials(parts: SplitResult) -> dict[str, str]:
    text = parts.netloc.rpartition("@")[0]
    username, _, password = (unquote(part) for part in text.partition(":"))
    credentials = {"username": username, "password": password}
    return {name: value for name, value in credentials.items() if value}
