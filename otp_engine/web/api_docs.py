"""`/openapi.json`, and `/docs`, its HTML form."""

from __future__ import annotations

import json
from functools import cache, lru_cache
from importlib import resources
from typing import Any

from flask import Blueprint, render_template, url_for
from flask.typing import ResponseReturnValue

from otp_engine import __version__
from otp_engine.api import own_url
from otp_engine.web import security_headers
from otp_engine.web.openapi_reader import OpenAPIDocument, inline, render_text

_FILE = resources.files("otp_engine.web") / "openapi.json"
_CACHED_PAGES = 8  # one for each name of the service; clients can choose others


def blueprint(public_url: str | None) -> Blueprint:
    """Build the two views.

    Args:
        public_url: The URL of this service; None takes the URL of the request.

    Returns:
        The blueprint `api_docs`.
    """
    bp = security_headers.blueprint("api_docs")
    text = _FILE.read_text(encoding="utf-8")

    @cache
    def document(root: str) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(text)
        content["info"]["version"] = __version__
        # Relative to the document, as the specification defines.
        content["servers"][0]["url"] = root
        return content

    # The page takes ten times the processor time of others, and no limit counts it.
    @lru_cache(maxsize=_CACHED_PAGES)
    def page(root: str, server: str) -> str:
        content = document(root)
        return render_template(
            "docs.html",
            api=content,
            reader=OpenAPIDocument(content, server),
            inline=inline,
            text=lambda value: render_text(value, server),
            server=server,
        )

    @bp.get("/openapi.json")
    def openapi() -> ResponseReturnValue:
        return document(url_for("home.page"))

    @bp.get("/docs", strict_slashes=False)
    def docs() -> ResponseReturnValue:
        return page(url_for("home.page"), own_url.of_request(public_url))

    return bp
