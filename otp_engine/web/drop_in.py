"""`/verify.js`, the drop-in: a script for pages of applications."""

from __future__ import annotations

import hashlib
from importlib.resources import files

from flask import Blueprint, Response, request

_MAX_AGE = 3600  # seconds


def blueprint() -> Blueprint:
    """Build the view.

    Returns:
        The blueprint `drop_in`.
    """
    bp = Blueprint("drop_in", __name__)
    source = files("otp_engine.web").joinpath("scripts", "verify.js").read_bytes()
    etag = hashlib.sha256(source).hexdigest()

    @bp.get("/verify.js")
    def script() -> Response:
        response = Response(source, mimetype="text/javascript")
        response.set_etag(etag)
        response.cache_control.public = True
        response.cache_control.max_age = _MAX_AGE
        # For `integrity`, which requires a request with CORS, and for pages that are
        # isolated from other origins.
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.make_conditional(request)
        return response

    return bp
