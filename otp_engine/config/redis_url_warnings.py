"""Warnings about a `REDIS_URL` that is allowed but unsafe."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from otp_engine.config.settings import is_loopback

# Options of redis-py, and their values that turn the verification of TLS off.
_UNVERIFIED = {
    "ssl_cert_reqs": frozenset({"none", "cert_none"}),
    "ssl_check_hostname": frozenset({"0", "f", "false", "n", "no"}),
}


def collect_warnings(url: str) -> list[str]:
    """Return what lets others read or answer the connections to Redis.

    Args:
        url: A `REDIS_URL` of any scheme, or an empty text.

    Returns:
        Sentences without any secret part of *url*.
    """
    parts = urlsplit(url)
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    if parts.scheme.startswith("rediss"):
        return [
            f"REDIS_URL has {name} off: a server that poses as Redis is accepted, and"
            " receives the password. Remove the option"
            for name, off in _UNVERIFIED.items()
            if options.get(name, "").strip().lower() in off
        ]
    login, _, hosts = parts.netloc.rpartition("@")
    has_password = login.partition(":")[2] or options.get("password")
    is_socket = parts.scheme == "unix"
    if has_password and not is_socket and any(map(_is_remote, hosts.split(","))):
        return ["REDIS_URL has no TLS: its password is sent in plain text. Use rediss"]
    return []


def _is_remote(netloc: str) -> bool:
    """Return whether *netloc* is a domain name or IP address of another machine.

    A name without a dot belongs to an internal network, such as that of Compose.
    """
    host = urlsplit(f"//{netloc}").hostname or ""
    return ("." in host or ":" in host) and not is_loopback(host)
