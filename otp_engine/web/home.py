"""`/`: links to the pages of this service; and the page for a wrong path."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from otp_engine.api import error_handlers, own_url
from otp_engine.web import security_headers

_API_PATHS = frozenset({"auth", "v2"})


@dataclass(frozen=True, slots=True)
class Pages:
    """What the start page shows.

    Attributes:
        dev: Whether the service is in dev mode; then the page has the next steps.
        verify: Whether the verify page is enabled.
        inbox: Whether the inbox of dev mode is enabled.
        authenticator: Whether dev mode has links to the pages of authenticators.
        console: Whether the console is enabled; only dev mode links to it.
    """

    dev: bool
    verify: bool
    inbox: bool
    authenticator: bool
    console: bool


def blueprint(
    pages: Pages, public_url: str | None, *, redirect_to: str | None
) -> Blueprint:
    """Build the view of `/`.

    Args:
        pages: What the page shows.
        public_url: The URL of this service; None takes the URL of the request.
        redirect_to: Where the view leads browsers; None shows the page.

    Returns:
        The blueprint `home`.
    """
    bp = security_headers.blueprint("home")

    @bp.get("/")
    def page() -> ResponseReturnValue:
        if redirect_to and prefers_html():
            response = make_response(redirect(redirect_to))
        else:
            server = own_url.of_request(public_url).rstrip("/")
            response = make_response(
                render_template("home.html", pages=pages, server=server)
            )
        if redirect_to:
            response.vary.add("Accept")
        return response

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
