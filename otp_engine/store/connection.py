"""How Redis is reached: one server, Sentinel, a Cluster, or one inside the process.

redis-py's own patience (5 s timeouts, 10 retries, of which those of a connection and
those of a command multiply) would hold a request for minutes when Redis is gone. Here
it never tries anything again; `otp_engine.store.line` does, once.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.connection import Connection, SSLConnection, parse_url
from redis.exceptions import ReadOnlyError, RedisError
from redis.exceptions import TimeoutError as Silence
from redis.retry import Retry
from redis.sentinel import Sentinel

from otp_engine.errors import InvalidSettings
from otp_engine.store.cluster import Address, Cluster

Client = Any
"""One server's client, or a `Cluster` of them."""

_PORT = 6379
_SENTINEL_PORT = 26379
_UNKNOWN = "REDIS_URL has a part or an option that redis-py does not know"
_TLS_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")


def connect(url: str | None, timeout: timedelta) -> Client:
    """Reach the Redis of *url*, or with none begin one inside this process.

    Nothing is asked of it yet, so a service can be started before its Redis.

    Raises:
        InvalidSettings: redis-py cannot make sense of *url*, or a file of its TLS
            options cannot be read.
    """
    if url is None:
        return _embedded()
    options: dict[str, Any] = {
        "socket_timeout": timeout.total_seconds(),
        "socket_connect_timeout": timeout.total_seconds() / 2,
        "retry": Retry(NoBackoff(), 0),
        # A new connection says nothing about itself: each of those four words would
        # be a round trip before the first question, with a timeout of its own.
        "protocol": 2,
        "driver_info": None,
    }
    parts = urlsplit(url)
    if parts.scheme.startswith("rediss"):
        options["redis_connect_func"] = _greet
    match parts.scheme.partition("+"):
        case _, _, "sentinel":
            return _sentinel(parts, options | _tls(parts))
        case _, _, "cluster":
            return _cluster(parts, options | _tls(parts))
        case _:
            return _server(url, options)


def owner_of(client: Client, key: str) -> Address | None:
    """Name the node of a Cluster that has *key*; nothing else has more than one."""
    return client.owner(key) if isinstance(client, Cluster) else None


def node_of(client: Client, key: str) -> Client:
    """The server that holds *key*: one of a Cluster's, or the only one."""
    return client.node(key) if isinstance(client, Cluster) else client


def look_around(client: Client, error: RedisError) -> None:
    """Find out anew where things are, after *error*."""
    if isinstance(client, Cluster):
        # One that is silent still has what it had, until others say otherwise.
        client.look_around(wait=not isinstance(error, Silence))
    elif isinstance(error, ReadOnlyError):
        # A replica now, which the name led to before; it keeps its connections.
        client.connection_pool.disconnect(inuse_connections=False)


def _embedded() -> Client:
    # Imported here because only dev has it installed.
    from fakeredis import FakeRedis, FakeServer  # noqa: PLC0415 - see above

    return FakeRedis(server=FakeServer())


def _greet(connection: Connection) -> None:
    """Log in on a new *connection* with TLS, and read past its session tickets.

    With TLS 1.3 a server sends them right after the handshake. redis-py takes a new
    connection with unread bytes for a broken one and replaces it, so an answer is read
    before it looks.
    """
    connection.on_connect()
    connection.send_command("PING", check_health=False)
    connection.read_response()


def _server(url: str, options: dict[str, Any]) -> Client:
    try:
        client = redis.Redis.from_url(url, **options)
        client.connection_pool.make_connection()
    except (TypeError, ValueError, RedisError):
        raise InvalidSettings([_UNKNOWN]) from None
    _expect_files(client.connection_pool.connection_kwargs)
    return client


def _sentinel(parts: SplitResult, options: dict[str, Any]) -> Client:
    sentinel = Sentinel(
        _hosts(parts, _SENTINEL_PORT),
        sentinel_kwargs=options,
        **options,
        **_login(parts),
    )
    master: redis.Redis = sentinel.master_for(parts.path.strip("/"))
    return master


def _cluster(parts: SplitResult, options: dict[str, Any]) -> Cluster:
    return Cluster(
        _hosts(parts, _PORT),
        options | _login(parts),
        patience=options["socket_connect_timeout"],
    )


def _tls(parts: SplitResult) -> dict[str, Any]:
    """Read the TLS options of *parts*, named as in redis-py's own `rediss://` URLs.

    They hold for every connection: those to Sentinels and those to data nodes.

    Returns:
        What `redis.Redis` takes them as; nothing without TLS.

    Raises:
        InvalidSettings: There is an option that redis-py does not know, one that is
            not about TLS, or a file that cannot be read.
    """
    try:
        options: dict[str, Any] = parse_url(f"rediss://?{parts.query}")
        del options["connection_class"]
        SSLConnection(**options)
    except (TypeError, ValueError, RedisError):
        raise InvalidSettings([_UNKNOWN]) from None
    secure = parts.scheme.startswith("rediss")
    if any(not (secure and name.startswith("ssl_")) for name in options):
        problem = "REDIS_URL can have options about TLS only, with rediss+... for it"
        raise InvalidSettings([problem])
    _expect_files(options)
    return options | {"ssl": True} if secure else {}


def _expect_files(options: Mapping[str, Any]) -> None:
    """Raise InvalidSettings for a file of TLS *options* that cannot be read.

    Without this a wrong path would look like a Redis that refuses connections.
    """
    for name in _TLS_FILES:
        if (path := options.get(name)) and not os.access(path, os.R_OK):
            raise InvalidSettings([f"REDIS_URL has a file that cannot be read: {name}"])


def _hosts(parts: SplitResult, port: int) -> list[tuple[str, int]]:
    hosts = [urlsplit(f"//{host}") for host in parts.netloc.split("@")[-1].split(",")]
    return [(host.hostname or "", host.port or port) for host in hosts]


def _login(parts: SplitResult) -> dict[str, str]:
    login = parts.netloc.rpartition("@")[0]
    username, _, password = (unquote(part) for part in login.partition(":"))
    given = {"username": username, "password": password}
    return {name: value for name, value in given.items() if value}
