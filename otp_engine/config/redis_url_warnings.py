"""Warnings about a `REDIS_URL` that is allowed but unsafe."""

from __future__ import annotations

from otp_engine.config.redis_urls import RedisUrl
from otp_engine.config.settings import is_loopback


def collect_warnings(url: RedisUrl) -> list[str]:
    """Return what lets others read or answer the connections to Redis.

    Args:
        url: The parsed `REDIS_URL`.

    Returns:
        Sentences without any secret part of *url*.
    """
    if url.tls is not None:
        if url.tls.check_hostname:
            return []
        off = "ssl_check_hostname" if url.tls.verify_mode else "ssl_cert_reqs"
        warning = (
            f"REDIS_URL has {off} off: a server that poses as Redis is accepted, and"
            " receives the password. Remove the option"
        )
        return [warning]
    has_password = "password" in url.login or "password" in url.sentinel_login
    if has_password and any(_is_remote(host) for host, _ in url.hosts):
        return ["REDIS_URL has no TLS: its password is sent in plain text. Use rediss"]
    return []


def _is_remote(host: str) -> bool:
    """Return whether *host* is a domain name or IP address of another machine.

    A name without a dot belongs to an internal network, such as that of Compose.
    """
    return ("." in host or ":" in host) and not is_loopback(host)
