"""The URL of Redis: one server, a socket, the Sentinels of a service, or a Cluster.

redis-py parses only the URLs of one server. It ignores parts that it cannot use, and
accepts options that would replace the service's own, such as its timeouts. Here every
scheme accepts the same parts and options, and each other one is rejected.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Literal, TypeAlias
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from otp_engine import parsing
from otp_engine.config import redis_tls

Kind: TypeAlias = Literal["server", "socket", "sentinel", "cluster"]

_KINDS: dict[str, Kind] = {
    **dict.fromkeys(("redis", "rediss"), "server"),
    **dict.fromkeys(("redis+sentinel", "rediss+sentinel"), "sentinel"),
    **dict.fromkeys(("redis+cluster", "rediss+cluster"), "cluster"),
    "unix": "socket",
}
_PORT, _SENTINEL_PORT = 6379, 26379
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[\w.-]+)(?::([0-9]{1,5}))?")
_PATHS: dict[Kind, re.Pattern[str]] = {
    "server": re.compile(r"/?(?P<db>[^/]*)"),
    "sentinel": re.compile(r"/(?P<name>[^/]+)(/(?P<db>[^/]*))?"),
    "cluster": re.compile(r"/?(?P<db>[^/]*)"),
    "socket": re.compile(r"(?P<name>/.+)"),
}
_PATH_PROBLEMS: dict[Kind, str] = {
    "server": "must have no path, or the number of a database: .../0",
    "sentinel": "must end with the name of the Sentinel service: .../NAME",
    "cluster": "must have no path: a Cluster has only database 0",
    "socket": "must have the absolute path of a socket: unix:///PATH",
}
_MAX_DATABASE = 9_999
_MAX_SOCKET_PATH = 107  # bytes, on Linux
_LOGIN = ("username", "password")
_SENTINEL_LOGIN = ("sentinel_username", "sentinel_password")
_OPTION_NAME = re.compile(r"[a-z_]{1,40}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisUrl:
    """Where Redis is, and how to log in.

    Attributes:
        kind: What the hosts are.
        hosts: Name and port of the server, of the Sentinels, or of Cluster nodes.
        name: Name of the Sentinel service, or path of the socket.
        database: Number of the database.
        login: `username` and `password` for Redis, as far as the URL has them.
        sentinel_login: The same two for the Sentinels.
        tls: The context of every connection; None without TLS.
    """

    kind: Kind
    hosts: tuple[tuple[str, int], ...] = ()
    name: str = ""
    database: int = 0
    login: Mapping[str, str] = field(default_factory=dict, repr=False)
    sentinel_login: Mapping[str, str] = field(default_factory=dict, repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False, compare=False)


@lru_cache(maxsize=1)
def parse(text: str) -> RedisUrl:
    """Parse a `REDIS_URL`.

    The result is cached: a start needs it several times, and loading the system's
    authorities takes 40 ms of processor time.

    Raises:
        ValueError: A part is malformed or missing, an option is not one of the
            accepted, or a file of the TLS options cannot be used. The message contains
            no secret.
    """
    if not text.isprintable() or " " in text:
        raise ValueError("must have no spaces and no control characters")
    try:
        parts = urlsplit(text)
    except ValueError:
        raise ValueError(
            "must be a URL such as redis://HOST:PORT/0, with an IPv6 address inside of"
            " [ ]"
        ) from None
    if not (kind := _KINDS.get(parts.scheme)) or "://" not in text:
        schemes = ", ".join(_KINDS)
        raise ValueError(f"must start with one of {schemes}, followed by ://")
    if parts.fragment or text.endswith("#"):
        raise ValueError("must have no fragment: write # in a password as %23")
    hosts = _parse_hosts(parts, kind)
    options = _parse_options(parts, kind)
    name, database = _parse_path(parts, kind, options)
    return RedisUrl(
        kind=kind,
        hosts=hosts,
        name=name,
        database=database,
        login=_parse_login(parts, options),
        sentinel_login={
            name.removeprefix("sentinel_"): options[name]
            for name in _SENTINEL_LOGIN
            if name in options
        },
        tls=redis_tls.build_context(options) if _is_secure(parts) else None,
    )


def _is_secure(parts: SplitResult) -> bool:
    return parts.scheme.startswith("rediss")


def _parse_hosts(parts: SplitResult, kind: Kind) -> tuple[tuple[str, int], ...]:
    text = parts.netloc.rpartition("@")[-1]
    if kind == "socket":
        if text:
            raise ValueError(_PATH_PROBLEMS[kind])
        return ()
    default = _SENTINEL_PORT if kind == "sentinel" else _PORT
    hosts = tuple(_parse_host(host, default) for host in text.split(","))
    if kind == "server" and len(hosts) > 1:
        raise ValueError("must name one host; only Sentinel and a Cluster have several")
    return hosts


def _parse_host(text: str, default_port: int) -> tuple[str, int]:
    match = _HOST.fullmatch(text)
    port = int(match[2] or default_port) if match else 0
    if not match or not 0 < port < 1 << 16:
        raise ValueError(
            "must name each host as HOST, HOST:PORT or [IPv6]:PORT, after a user name"
            " and a password with special characters written as %XX"
        )
    host = match[1].lower()
    if host.startswith("["):
        host = host[1:-1]
        try:
            IPv6Address(host)
        except ValueError:
            raise ValueError("must have an IPv6 address inside of [ ]") from None
        return host, port
    try:
        host.encode("idna")
    except UnicodeError:
        raise ValueError(
            "must have a host name with parts of 1 to 63 characters"
        ) from None
    return host, port


def _parse_options(parts: SplitResult, kind: Kind) -> dict[str, str]:
    accepted = ["db", *_LOGIN]
    accepted += _SENTINEL_LOGIN if kind == "sentinel" else ()
    accepted += redis_tls.OPTIONS if _is_secure(parts) else ()
    try:
        pairs = parse_qsl(parts.query, keep_blank_values=True, errors="strict")
    except ValueError:
        raise ValueError("must have options of UTF-8 text") from None
    for name, value in pairs:
        if name not in accepted:
            raise ValueError(_unknown_option(name, parts, accepted))
        if not value:
            raise ValueError(f"has the option {name} without a value")
    if len(dict(pairs)) < len(pairs):
        raise ValueError("has an option twice")
    return dict(pairs)


def _unknown_option(name: str, parts: SplitResult, accepted: list[str]) -> str:
    # After a ? in a password, the rest of the password looks like an option.
    shown = _OPTION_NAME.fullmatch(name) and "@" not in parts.query
    option = f"the option {name}" if shown else "an option"
    if name.startswith("ssl") and not _is_secure(parts) and parts.scheme != "unix":
        secure = parts.scheme.replace("redis", "rediss", 1)
        return f"has {option} without TLS: only {secure}:// uses TLS"
    return f"has {option} that is not one of {', '.join(accepted)}"


def _parse_path(
    parts: SplitResult, kind: Kind, options: Mapping[str, str]
) -> tuple[str, int]:
    """Return the name in the path, and the database of the path or the options."""
    match = _PATHS[kind].fullmatch(parts.path)
    if not match:
        raise ValueError(_PATH_PROBLEMS[kind])
    found = match.groupdict(default="")
    if kind == "socket" and len(found["name"].encode()) > _MAX_SOCKET_PATH:
        raise ValueError(f"must have a path of at most {_MAX_SOCKET_PATH} bytes")
    database = found.get("db", "")
    if database and "db" in options:
        raise ValueError("has a database in its path and in its options: remove one")
    database = database or options.get("db", "0")
    try:
        number = parsing.integer(0, _MAX_DATABASE)(database)
    except ValueError:
        raise ValueError(
            f"must have a database from 0 to {_MAX_DATABASE}, as a number"
        ) from None
    if kind == "cluster" and number:
        raise ValueError(_PATH_PROBLEMS[kind])
    return _unquote(found.get("name", "")), number


def _parse_login(parts: SplitResult, options: Mapping[str, str]) -> dict[str, str]:
    text = parts.netloc.rpartition("@")[0]
    in_front = zip(_LOGIN, text.partition(":")[::2], strict=True)
    login = {name: _unquote(value) for name, value in in_front if value}
    if both := [name for name in _LOGIN if name in login and name in options]:
        raise ValueError(f"has a {both[0]} before the @ and in its options")
    return login | {name: options[name] for name in _LOGIN if name in options}


def _unquote(text: str) -> str:
    with suppress(UnicodeDecodeError):
        return unquote(text, errors="strict")
    raise ValueError("must have UTF-8 text in its %XX characters")
