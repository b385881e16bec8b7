"""`/`: links to the pages of this service; and the page for a wrong path."""

from __future__ import annotations

from flask import Blueprint, make_response, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from otp_engine.api import error_handlers
from otp_engine.web import security_headers

_API_PATHS = frozenset({"auth", "v2"})


def blueprint(*, verify: bool, inbox: bool, authenticator: bool) -> Blueprint:
    """Build the view of `/`.

    Args:
        verify: Whether the verify page is enabled.
        inbox: Whether the inbox of dev mode is enabled.
        authenticator: Whether dev mode has links to the pages of authenticators.

    Returns:
        The blueprint `home`.
    """
    bp = security_headers.blueprint("home")

    @bp.get("/")
    def page() -> ResponseReturnValue:
        return render_template(
            "home.html", verify=verify, inbox=inbox, authenticator=authenticator
        )

    return bp


def handle_error(error: Exception) -> ResponseReturnValue:
    """Return the response to *error*: a page for a browser on a wrong path, else JSON.

    Args:
        error: The exception that no view handled.

    Returns:
        The response. Those of `/auth` and `/v2` are JSON for every client.
    """
    response = make_response(error_handlers.handle(error))
    is_api = request.path.split("/")[1] in _API_PATHS
    if is_api or not isinstance(error, NotFound | MethodNotAllowed):
        return response
    if prefers_html():
        page = make_response(_render(error), response.status_code)
        page.headers.extend(
            (name, value) for name, value in response.headers if name == "Allow"
        )
        response = security_headers.apply(page)
    response.vary.add("Accept")
    return response


def prefers_html() -> bool:
    """Return whether the client accepts HTML, and JSON less; `*/*` alone does not."""
    accepted = request.accept_mimetypes
    return accepted["text/html"] > accepted["application/json"]


def _render(error: HTTPException) -> str:
    title = "Page not found" if error.code == NotFound.code else "Method not allowed"
    return render_template("error.html", title=title)
