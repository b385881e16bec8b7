"""Errors of the console as pages, and as JSON for its scripts."""

from __future__ import annotations

from http import HTTPStatus

from flask import make_response, render_template
from flask.typing import ResponseReturnValue

from otp_engine.api import error_handlers
from otp_engine.console.access import is_refresh
from otp_engine.errors import ConsoleError
from otp_engine.web import security_headers

_TITLES = {
    HTTPStatus.UNAUTHORIZED: "Sign in",
    HTTPStatus.FORBIDDEN: "Not allowed",
    HTTPStatus.NOT_FOUND: "Page not found",
    HTTPStatus.METHOD_NOT_ALLOWED: "Method not allowed",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many wrong keys",
    HTTPStatus.SERVICE_UNAVAILABLE: "Redis does not reply",
}


def handle_error(error: Exception) -> ResponseReturnValue:
    """Return the response to *error*.

    Args:
        error: The exception that no view handled.
    """
    if isinstance(error, ConsoleError):
        body = {"msg": error.message, "error": error.error_code}
        status = HTTPStatus.UNAUTHORIZED if is_refresh() else HTTPStatus.FORBIDDEN
        response = make_response(body, status)
    else:
        response = make_response(error_handlers.handle(error))
    if not is_refresh():
        status = HTTPStatus(response.status_code)
        page = render_template(
            "console/error.html",
            title=_TITLES.get(status, "The request failed"),
            message=response.get_json()["msg"],
            retry_after=response.headers.get("Retry-After"),
        )
        response.set_data(page)
        response.mimetype = "text/html"
    return security_headers.apply(response)
