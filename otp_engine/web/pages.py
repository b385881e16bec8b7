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
    origins = tuple(forms_to)

    @bp.after_request
    def protect(response: Response) -> Response:
        return guard(response, origins)

    return bp


def guard(response: Response, forms_to: Iterable[str] = ()) -> Response:
    """Tell a browser what *response* may do."""
    rules = _POLICY | {"form-action": " ".join(["'self'", *forms_to])}
    policy = "; ".join(f"{what} {where}" for what, where in rules.items())
    response.headers["Content-Security-Policy"] = policy
    response.headers["X-Content-Type-Options"] = "nosniff"
    # No path, but an origin: whoever gets a form of ours can see where it is from.
    response.headers["Referrer-Policy"] = "strict-origin"
    response.headers["Cache-Control"] = "no-store"
    return response
