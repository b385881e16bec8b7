"""Parsers of the URLs and origins in settings.

A URL can contain a password by mistake, so no message repeats a URL with an `@`. The
parsers raise a `ValueError` as those of `setting_parsers` do.
"""

from __future__ import annotations

import re
from contextlib import suppress
from ipaddress import IPv6Address
from urllib.parse import SplitResult, urlsplit

from otp_engine import parsing

_DEFAULT_PORTS = {"http": 80, "https": 443}
# Names of machines in private networks can have underscores.
_HOST_NAME = re.compile(
    r"(?!.{254})[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
    r"(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*\.?",
    re.ASCII,
)
_PATH = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*", re.ASCII)


def base_url(text: str) -> str:
    """Parse an absolute http or https URL that paths can be appended to.

    A path with two slashes in a row would make links of pages lead to another host.

    Returns:
        The URL with its scheme and its host in lower case, as browsers write origins,
        and without a default port and a trailing slash.
    """
    if "@" in text or not text.isprintable() or " " in text:
        raise ValueError("must have no user name, no password and no spaces")
    if not text.isascii():
        raise ValueError(f"must be ASCII, with a host such as xn--bcher-kva: {text!r}")
    parts = _split(text)
    if not (authority := find_authority(parts)):
        raise ValueError(f"must be an http or https URL: {text!r}")
    if "?" in text or "#" in text:
        raise ValueError(f"must have no query and no fragment: {text!r}")
    path = parts.path.rstrip("/")
    if not _PATH.fullmatch(path):
        raise ValueError(f"must have a path like /otp, or none: {text!r}")
    return f"{parts.scheme}://{authority}{path}"


def link(text: str) -> str:
    """Parse the target of a link: an http or https URL, or a `mailto:` address."""
    parts = _split(text)
    is_page = parts.scheme in _DEFAULT_PORTS and _has_host(parts)
    is_address = parts.scheme == "mailto" and "@" in parts.path
    if not (is_page or is_address) or not text.isprintable() or " " in text:
        raise ValueError("must be an http, https or mailto URL")
    return text


def page(text: str) -> str:
    """Parse the URL of a page that browsers are redirected to: http or https."""
    if urlsplit(link(text)).scheme not in _DEFAULT_PORTS:
        raise ValueError("must be an http or https URL")
    return text


def origins(text: str) -> tuple[str, ...]:
    """Parse comma-separated origins, such as `https://app.example.com`."""
    return tuple(map(_origin, parsing.comma_separated(text)))


def find_authority(parts: SplitResult) -> str | None:
    """Return the host of an http or https URL and its port, unless that is the default.

    Args:
        parts: The parts of the URL.

    Returns:
        The host in lower case, an IPv6 address in brackets; None without a valid one.
    """
    if parts.scheme not in _DEFAULT_PORTS or not (host := find_host(parts)):
        return None
    is_default = parts.port in {None, _DEFAULT_PORTS[parts.scheme]}
    return host if is_default else f"{host}:{parts.port}"


def find_host(parts: SplitResult) -> str | None:
    """Return the host of a URL in lower case, an IPv6 address in brackets.

    Args:
        parts: The parts of the URL.

    Returns:
        The host; None without a valid one, or with an invalid port.
    """
    if not _has_host(parts):
        return None
    host = parts.hostname or ""
    if ":" in host:
        try:
            address = IPv6Address(host)
        except ValueError:
            return None
        return None if address.scope_id else f"[{address}]"
    return host if _HOST_NAME.fullmatch(host) else None


def _origin(text: str) -> str:
    origin = None
    with suppress(ValueError):
        parts = urlsplit(text)
        origin = f"{parts.scheme}://{find_authority(parts)}"
    if text != origin:
        shown = "" if "@" in text else f": {text!r}"
        raise ValueError(
            "must be origins as browsers write them, such as https://app.example.com:"
            f" in lower case, without a path and without a default port{shown}"
        )
    return text


def _split(text: str) -> SplitResult:
    with suppress(ValueError):
        return urlsplit(text)
    # The other reason is a character that is no part of a host name.
    words = "have an IPv6 address inside of [ ]" if "[" in text else "have a host name"
    raise ValueError(f"must {words}")


def _has_host(parts: SplitResult) -> bool:
    try:
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
