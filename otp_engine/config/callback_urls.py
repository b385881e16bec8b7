"""URLs that providers post delivery reports to."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

# Special-use domain names (RFC 6761, 6762, 7686, 8375, 9476 and `.internal`).
_PRIVATE = re.compile(
    r"(.*\.)?(local|internal|localhost|test|invalid|onion|alt|home\.arpa)"
)
_TWILIO = re.compile(r"(.*\.)?twilio\.com")
# A last label of digits makes a name an IPv4 address, such as `127.1`.
_HOST_NAME = re.compile(r"[a-z0-9.-]+\.(?!\d+\Z)[a-z0-9-]+", re.ASCII)


def find_problem(url: str) -> str | None:
    """Return why Twilio cannot post delivery reports to *url*.

    Twilio rejects a message if the host of its webhook is private or has an underscore.

    Args:
        url: An absolute http or https URL.

    Returns:
        The predicate of a sentence about *url*; None if Twilio can reach it.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").removesuffix(".")
    if parts.scheme != "https":
        return "is not https"
    if _TWILIO.fullmatch(host):
        return "has a host of Twilio"
    if not _is_public(host):
        return "has a host that the internet does not reach"
    return None


def _is_public(host: str) -> bool:
    try:
        return ip_address(host).is_global
    except ValueError:
        return bool(_HOST_NAME.fullmatch(host)) and not _PRIVATE.fullmatch(host)
