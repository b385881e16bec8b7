"""Security headers of the pages: content security policy, referrer, caching."""

from __future__ import annotations

from collections.abc import Iterable

from flask import Blueprint, Response, g

EMBEDDER = "embedder"
"""The name in `flask.g` of the origin that may embed the response."""

_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "base-uri": "'none'",
}


def blueprint(name: str, *, forms_to: Iterable[str] = ()) -> Blueprint:
    """Create a blueprint of pages with these headers.

    Args:
        name: The name of the blueprint.
        forms_to: Other origins that the forms of the pages may be sent to.

    Returns:
        A blueprint without views.
    """
    bp = Blueprint(name, __name__, template_folder="templates", static_folder=None)
    origins = tuple(forms_to)

    @bp.after_request
    def add_headers(response: Response) -> Response:
        return apply(response, origins)

    return bp


def apply(response: Response, forms_to: Iterable[str] = ()) -> Response:
    """Set the headers of *response*.

    Args:
        response: The response, which is changed.
        forms_to: Other origins that the forms of the page may be sent to.

    Returns:
        The same response.
    """
    directives = _POLICY | {
        "frame-ancestors": g.get(EMBEDDER, "'none'"),
        "form-action": " ".join(["'self'", *forms_to]),
    }
    policy = "; ".join(f"{name} {sources}" for name, sources in directives.items())
    response.headers["Content-Security-Policy"] = policy
    response.headers["X-Content-Type-Options"] = "nosniff"
    # The origin only: an application that receives our form can check its source.
    response.headers["Referrer-Policy"] = "strict-origin"
    response.headers["Cache-Control"] = "no-store"
    return response
