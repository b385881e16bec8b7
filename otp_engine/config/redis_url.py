"""What in a `REDIS_URL` is allowed and unwise."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from otp_engine.config.settings import is_loopback

# Options of redis-py, and the values that turn the verification of TLS off.
_UNVERIFIED = {
    "ssl_cert_reqs": frozenset({"none", "cert_none"}),
    "ssl_check_hostname": frozenset({"0", "f", "false", "n", "no"}),
}


def doubts(url: str) -> list[str]:
    """List what lets others read or answer the connections to Redis.

    Args:
        url: A `REDIS_URL` of any scheme, or an empty text.

    Returns:
        Sentences without any part of *url* that is secret.
    """
    parts = urlsplit(url)
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    if parts.scheme.startswith("rediss"):
        return [
            f"REDIS_URL has {name} off: who answers as Redis is not verified, and gets"
            " its password"
            for name, off in _UNVERIFIED.items()
            if options.get(name, "").strip().lower() in off
        ]
    login, _, hosts = parts.netloc.rpartition("@")
    has_password = login.partition(":")[2] or options.get("password")
    is_socket = parts.scheme == "unix"
    if has_password and not is_socket and any(map(_is_remote, hosts.split(","))):
        return ["REDIS_URL has no TLS: its password travels in plain text; use rediss"]
    return []


def _is_remote(netloc: str) -> bool:
    """Whether *netloc* is a domain name or an address of another machine.

    A name without a dot is one of an internal network, such as that of a compose file.
    """
    host = urlsplit(f"//{netloc}").hostname or ""
    return ("." in host or ":" in host) and not is_loopback(host)
