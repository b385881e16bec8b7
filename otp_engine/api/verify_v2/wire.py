"""Timestamps, new SIDs and URLs in Twilio's format."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime
from urllib.parse import urlencode

from otp_engine.api import context, own_url


def generate_sid(prefix: str) -> str:
    """Return a new random SID with the two letters of *prefix*."""
    return prefix + secrets.token_hex(16)


def format_seconds(moment: datetime) -> str:
    """Return ISO 8601 in UTC; Twilio's Python SDK cannot parse a fraction."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def format_milliseconds(moment: datetime) -> str:
    """Return ISO 8601 in UTC with milliseconds, as in `send_code_attempts`."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"


def resource_url(*parts: str) -> str:
    """Return the absolute URL of the resource with that path under `/v2`."""
    return "/".join([_base_url(), "v2", *parts])


def page_url(path: str, query: Iterable[tuple[str, str]]) -> str:
    """Return the absolute URL of a page of a list, which SDKs follow."""
    return f"{_base_url()}{path}?{urlencode(list(query))}"


def _base_url() -> str:
    return own_url.of_request(context.get_dependencies().public_url)
