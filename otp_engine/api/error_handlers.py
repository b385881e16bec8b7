"""The responses to errors: status, headers and body, in the format of `/auth`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import timedelta
from http import HTTPStatus

from flask import Flask, g, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from otp_engine import errors
from otp_engine.api import context
from otp_engine.api.response_headers import (
    exceeded_limit_headers,
    retry_after,
    suspension_retry_after,
)
from otp_engine.domain.limits.limits import Limit, Window
from otp_engine.domain.limits.limits_by_name import LimitByName

log = logging.getLogger(__name__)

ErrorHandler = Callable[[Exception], ResponseReturnValue]

STATUS: dict[type[errors.OTPError], HTTPStatus] = {
    errors.InvalidRequest: HTTPStatus.BAD_REQUEST,
    errors.Unauthorized: HTTPStatus.UNAUTHORIZED,
    errors.OriginNotAllowed: HTTPStatus.FORBIDDEN,
    errors.RequesterNotAllowed: HTTPStatus.FORBIDDEN,
    errors.ChannelNotAllowed: HTTPStatus.FORBIDDEN,
    errors.DestinationNotAllowed: HTTPStatus.FORBIDDEN,
    errors.VerificationNotFound: HTTPStatus.NOT_FOUND,
    errors.FactorsNotConfigured: HTTPStatus.FORBIDDEN,
    errors.EntityNotFound: HTTPStatus.NOT_FOUND,
    errors.FactorNotFound: HTTPStatus.NOT_FOUND,
    errors.ChallengeNotFound: HTTPStatus.NOT_FOUND,
    errors.FactorConflict: HTTPStatus.CONFLICT,
    errors.DestinationSuspended: HTTPStatus.FORBIDDEN,
    errors.LimitExceeded: HTTPStatus.TOO_MANY_REQUESTS,
    errors.RecipientNotOnChannel: HTTPStatus.BAD_REQUEST,
    errors.DeliveryFailed: HTTPStatus.BAD_GATEWAY,
    errors.DeliveryUnconfirmed: HTTPStatus.GATEWAY_TIMEOUT,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}

# Errors that Werkzeug and Flask raise before a view runs.
_HTTP_ERRORS = {
    HTTPStatus.NOT_FOUND: ("not_found", "There is nothing here."),
    HTTPStatus.METHOD_NOT_ALLOWED: ("method_not_allowed", "Use another method."),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ("body_too_large", "The body is too large."),
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: (
        "unsupported_media_type",
        "Send JSON (application/json) or a form (application/x-www-form-urlencoded).",
    ),
}


def register(app: Flask, by_path: Mapping[str, ErrorHandler]) -> None:
    """Register one handler for every error of *app*.

    Args:
        app: The application.
        by_path: Handlers of other formats, by the path of a request. A path that ends
            with a slash includes those below it; the first one that matches counts.
    """

    def dispatch(error: Exception) -> ResponseReturnValue:
        matches = (
            handler
            for path, handler in by_path.items()
            if request.path == path
            or (path.endswith("/") and request.path.startswith(path))
        )
        try:
            return next(matches, handle)(error)
        except Exception:
            # Else the server would log the error with its text, which can quote input.
            log.exception("the response to an error failed")
            return handle(error)

    app.register_error_handler(Exception, dispatch)
    app.register_error_handler(HTTPException, dispatch)


def handle(error: Exception) -> ResponseReturnValue:
    """Return the response to *error*, in JSON.

    Args:
        error: The exception that no view handled.
    """
    match error:
        case errors.OTPError():
            return _known_error(error)
        case HTTPException():
            return _http(error)
        case _:
            return _internal_error(error)


def delivery_unconfirmed(headers: dict[str, str]) -> ResponseReturnValue:
    """Return the 504 of a send that the provider did not answer.

    The code can still arrive, so the response has the *headers* of the send.
    """
    error = errors.DeliveryUnconfirmed()
    return _response(status_of(error), error.error_code, error.message, headers)


def status_of(error: errors.OTPError) -> HTTPStatus:
    """Return the HTTP status of *error*."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def _known_error(error: errors.OTPError) -> ResponseReturnValue:
    limit = rule_of(error)
    g.limit = limit
    response = _response(
        status_of(error), error.error_code, error.message, _headers(error)
    )
    # To an anonymous client the name would reveal how to avoid each limit.
    if limit and g.get("client_name"):
        response[0]["limit"] = limit
    return response


def rule_of(error: errors.OTPError) -> str | None:
    """Return the name of the rule that refused a request for some time, if one did."""
    match error:
        case errors.TooManyAttempts():
            return "max_checks"
        case errors.RateLimited():
            return error.limit
        case errors.DestinationSuspended():
            return "pumping_guard"
        case _:
            return None


def _headers(error: errors.OTPError) -> dict[str, str]:
    match error:
        case errors.TooManyAttempts() | errors.TooManyTries():
            headers = {"OTP-Attempts-Left": "0"}
            # No wait gives an unverified factor attempts back.
            if error.retry_after:
                headers["Retry-After"] = retry_after(error.retry_after, rule=True)
            return headers
        case errors.RateLimited():
            headers = _exceeded_limit_headers(error)
            # No wait helps against a maximum without a period.
            if error.retry_after:
                headers["Retry-After"] = retry_after(error.retry_after, rule=True)
            return headers
        case errors.DestinationSuspended():
            return {"Retry-After": suspension_retry_after(error.retry_after)}
        case errors.Unavailable():
            return {"Retry-After": retry_after(error.retry_after)}
        case errors.Unauthorized():
            return {"WWW-Authenticate": 'Bearer realm="otp", Basic realm="otp"'}
        case _:
            return {}


def _http(error: HTTPException) -> ResponseReturnValue:
    status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _internal_error(error)
    fallback = (errors.InvalidRequest.error_code, errors.InvalidRequest.message)
    code, message = _HTTP_ERRORS.get(status, fallback)
    headers = {key: value for key, value in error.get_headers() if key == "Allow"}
    return _response(status, code, message, headers)


def _internal_error(error: Exception) -> ResponseReturnValue:
    log.error("unexpected error", exc_info=error)
    message = f"Something went wrong on our side. Request id: {g.get('request_id')}"
    return _response(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", message, {})


def _response(
    status: HTTPStatus, code: str, message: str, headers: dict[str, str]
) -> tuple[dict[str, str], HTTPStatus, dict[str, str]]:
    g.error = code
    return {"msg": message, "error": code}, status, headers


def _exceeded_limit_headers(error: errors.RateLimited) -> dict[str, str]:
    """Return the headers of the limit that refused, for a client with a key."""
    name, policy = error.limit, context.get_dependencies().policy
    match getattr(policy, name, None):
        case LimitByName() as limit:
            return exceeded_limit_headers(name, limit.for_name(error.identifier))
        case Limit() as limit:
            return exceeded_limit_headers(name, limit)
        case timedelta() as cooldown:
            return exceeded_limit_headers(name, Limit((Window(1, cooldown),)))
        case int() if name == "max_consecutive_failures":
            return exceeded_limit_headers(name, policy.consecutive_failures)
        case _:
            return {}
