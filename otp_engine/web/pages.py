"""What every page has: its files, and what a browser may do with it."""

from __future__ import annotations

from collections.abc import Iterable

from flask import Blueprint, Response

_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}


def blueprint(name: str, *, forms_to: Iterable[str] = ()) -> Blueprint:
    """Begin pages that load nothing from elsewhere, and are shown in no frame.

    Args:
        name: What they are called.
        forms_to: Origins besides this one that their forms may lead to.
    """
    bp = Blueprint(name, __name__, template_folder="templates", static_folder=None)
    form_action = " ".join(["'self'", *forms_to])
    policy = "; ".join(
        f"{what} {where}"
        for what, where in (_POLICY | {"form-action": form_action}).items()
    )

    @bp.after_request
    def guard(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = policy
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cache-Control"] = "no-store"
        return response

    return bp
