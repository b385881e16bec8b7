"""The client's IP address from `X-Forwarded-For`, for a service with trusted proxies.

Each proxy appends the address of its peer, so the outermost of N trusted proxies wrote
the Nth entry from the end. The client wrote the entries before it. They can contain any
text, quotes and commas included, and are never parsed.

Some proxies add the client's port, or write the entry in the syntax of `Forwarded` (RFC
7239). Clients without a readable address share one limit, so this module counts and
logs their requests.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable

from flask import Flask, Response, current_app, g

from otp_engine.domain.limits import ip_networks

log = logging.getLogger(__name__)

MISSING = "missing"
"""The header has fewer entries than there are proxies, or the entry is empty."""

HIDDEN = "hidden"
"""The proxy wrote `unknown` or an obfuscated name (RFC 7239, section 6)."""

MALFORMED = "malformed"
"""The entry is something else."""

UNREADABLE = (MISSING, HIDDEN, MALFORMED)
"""What `client_address` returns instead of an address."""

# RFC 7239, section 4: `for=ADDRESS` and further parameters.
_PARAMETER = re.compile(r"for\s*=\s*([^;]*)(?:;.*)?", re.ASCII | re.IGNORECASE)
_ZONE = r"(?:%[0-9A-Za-z._~-]{1,32})?"  # RFC 6874, section 2
_ADDRESS = re.compile(
    rf"\[(?P<bracketed>[0-9A-Fa-f:.]+){_ZONE}\](?::[0-9]{{1,5}})?"
    rf"|(?P<v6>[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*){_ZONE}"
    r"|(?P<v4>[0-9]{1,3}(?:\.[0-9]{1,3}){3})(?::[0-9]{1,5})?",
    re.ASCII,
)
_PORT = re.compile(r":[0-9]{1,5}\Z", re.ASCII)
_OBFUSCATED = re.compile(r"unknown|_[0-9A-Za-z._-]+", re.ASCII | re.IGNORECASE)


def client_address(header: str, proxies: int) -> str:
    """Return the address that the outermost trusted proxy appended, without its port.

    Args:
        header: The value of `X-Forwarded-For`.
        proxies: Number of trusted proxies.

    Returns:
        An address that `ip_networks.normalize` accepts, or one of `UNREADABLE`.
    """
    entries = header.rsplit(",", proxies)
    entry = entries[-proxies] if len(entries) >= proxies else ""
    text = _unwrap(entry)
    if not text:
        return MISSING
    if _OBFUSCATED.fullmatch(_PORT.sub("", text)):
        return HIDDEN
    return _address(text) or _address(_PORT.sub("", text)) or MALFORMED


def init_app(app: Flask, count: Callable[[str], None]) -> None:
    """Report the requests of *app* that counted for no address of their own.

    Args:
        app: The application.
        count: Called for each such request with one of `UNREADABLE`.
    """
    logged: set[str] = set()

    def report(response: Response) -> Response:
        reason = g.pop("unreadable_client_ip", None)
        if reason in UNREADABLE:
            count(reason)
            # One line of each process and reason: every request could have the fault.
            if reason not in logged:
                logged.add(reason)
                log.warning(
                    "the client IP in X-Forwarded-For is %s: all such clients share one"
                    " limit. Compare OTP_TRUSTED_PROXIES with the proxies in front",
                    reason,
                )
        return response

    app.after_request(report)


def report_untrusted() -> None:
    """Log once that a request has `X-Forwarded-For`, which no trusted proxy has read.

    If a proxy wrote it, all clients of that proxy share one limit.
    """
    logged = current_app.extensions.setdefault(__name__, set())
    if not logged:
        logged.add("untrusted")
        log.warning(
            "a request has X-Forwarded-For, and OTP_TRUSTED_PROXIES is 0: if a proxy"
            " wrote it, all clients of that proxy share one limit"
        )


def _unwrap(entry: str) -> str:
    """Return the address of an entry with quotes or in the syntax of `Forwarded`."""
    text = entry.strip()
    if match := _PARAMETER.fullmatch(text):
        text = match[1].strip()
    is_quoted = len(text) > 1 and text[0] == text[-1] == '"'
    return text[1:-1].strip() if is_quoted else text


def _address(text: str) -> str | None:
    match = _ADDRESS.fullmatch(text)
    if match is None:
        return None
    address = match["bracketed"] or match["v6"] or match["v4"]
    try:
        ip_networks.normalize(address)
    except ValueError:
        return None
    return address
