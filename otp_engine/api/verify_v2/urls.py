"""The absolute URLs in answers, by which SDKs find the next page."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlencode

from flask import request

from otp_engine.api import context


def of(*parts: str) -> str:
    """The URL of a thing under `/v2`."""
    base = context.current().public_url or request.host_url.rstrip("/")
    return "/".join([base, "v2", *parts])


def of_page(path: str, query: Iterable[tuple[str, str]]) -> str:
    """The URL of a page of a list."""
    base = context.current().public_url or request.host_url.rstrip("/")
    return f"{base}{path}?{urlencode(list(query))}"
