"""`/assets/vendor`: the files of the viewer of `/docs`, which are stored compressed."""

from __future__ import annotations

import gzip
from importlib import resources

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

SWAGGER_UI = "5.35.0"
"""The version in the URLs, so that browsers can keep the files."""

_FOLDER = resources.files("otp_engine.web") / "static" / "vendor" / "swagger-ui"
_TYPES = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
}
_YEAR = 365 * 24 * 3600


def add_to(bp: Blueprint) -> None:
    """Add the view to the blueprint of the assets.

    Args:
        bp: The blueprint, which sets the headers of assets.
    """

    @bp.get(f"/assets/vendor/swagger-ui/{SWAGGER_UI}/<name>")
    def swagger_ui(name: str) -> ResponseReturnValue:
        if name not in _TYPES:
            raise NotFound
        compressed = (_FOLDER / f"{name}.gz").read_bytes()
        if request.accept_encodings["gzip"]:
            response = Response(compressed, mimetype=_TYPES[name])
            response.content_encoding = "gzip"
        else:
            response = Response(gzip.decompress(compressed), mimetype=_TYPES[name])
        response.vary.add("Accept-Encoding")
        response.cache_control.public = True
        response.cache_control.max_age = _YEAR
        response.cache_control.immutable = True
        response.add_etag()
        return response.make_conditional(request)
