"""`/docs`, the API reference, and the OpenAPI documents that it shows."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from flask import Blueprint, Response, render_template, request, url_for
from flask.typing import ResponseReturnValue

from otp_engine.api import own_url
from otp_engine.web import security_headers, vendor
from otp_engine.web.reference import documents, markdown

_CACHED_DOCUMENTS = 8  # two for each name of the service; clients can choose others


def blueprint(public_url: str | None, *, dev: bool) -> Blueprint:
    """Build the views.

    Args:
        public_url: The URL of this service; None takes the URL of the request.
        dev: Whether the page can send requests. Elsewhere it has no field for an API
            key: a page is no place for one.

    Returns:
        The blueprint `api_docs`.
    """
    bp = security_headers.blueprint("api_docs")

    # No limit counts these requests, so each document is built once.
    @lru_cache(maxsize=_CACHED_DOCUMENTS)
    def auth(root: str, server: str) -> str:
        return json.dumps(documents.load_auth(dev=dev, root=root, server=server))

    @lru_cache(maxsize=_CACHED_DOCUMENTS)
    def v2(root: str, server: str) -> str:
        return json.dumps(documents.load_verify_v2(root=root, server=server))

    @lru_cache(maxsize=_CACHED_DOCUMENTS)
    def page(name: str, root: str, server: str) -> str:
        text = (auth if name == "auth" else v2)(root, server)
        return _render(name, json.loads(text), server, dev=dev)

    def urls() -> tuple[str, str]:
        return url_for("home.page"), own_url.of_request(public_url).rstrip("/")

    @bp.get("/openapi.json")
    def openapi() -> ResponseReturnValue:
        return _json(auth(*urls()))

    @bp.get("/openapi-v2.json")
    def openapi_v2() -> ResponseReturnValue:
        return _json(v2(*urls()))

    @bp.get("/docs", strict_slashes=False)
    def docs() -> ResponseReturnValue:
        return page("auth", *urls())

    @bp.get("/docs/v2")
    def docs_v2() -> ResponseReturnValue:
        return page("v2", *urls())

    return bp


def _render(name: str, document: dict[str, Any], server: str, *, dev: bool) -> str:
    is_auth = name == "auth"
    return render_template(
        "docs.html",
        name=name,
        api=document,
        dev=dev,
        server=server,
        errors=documents.load_errors() if is_auth else (),
        errors_v2=() if is_auth else documents.load_verify_v2_errors(),
        headers=documents.load_limit_headers() if is_auth else (),
        swagger_ui=vendor.SWAGGER_UI,
        inline=markdown.inline,
    )


def _json(text: str) -> ResponseReturnValue:
    response = Response(text, mimetype="application/json")
    response.add_etag()
    return response.make_conditional(request)
