"""The only place that turns values into headers, and errors into responses."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from datetime import timedelta
from http import HTTPStatus

from flask import Flask, Response, g, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from otp_engine import errors
from otp_engine.api import context, rate_limit_headers
from otp_engine.domain.limits.limits import KeyedLimit, Limit
from otp_engine.domain.models import SendResult

log = logging.getLogger(__name__)

ErrorHandler = Callable[[Exception], ResponseReturnValue]

STATUS: dict[type[errors.OTPError], HTTPStatus] = {
    errors.InvalidRequest: HTTPStatus.BAD_REQUEST,
    errors.Unauthorized: HTTPStatus.UNAUTHORIZED,
    errors.OriginNotAllowed: HTTPStatus.FORBIDDEN,
    errors.DestinationNotAllowed: HTTPStatus.FORBIDDEN,
    errors.VerificationNotFound: HTTPStatus.NOT_FOUND,
    errors.LimitExceeded: HTTPStatus.TOO_MANY_REQUESTS,
    errors.DeliveryFailed: HTTPStatus.BAD_GATEWAY,
    errors.DeliveryUnconfirmed: HTTPStatus.GATEWAY_TIMEOUT,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}

# What Werkzeug and Flask raise before a view is reached, in the contract's words.
_HTTP_ERRORS = {
    HTTPStatus.NOT_FOUND: ("not_found", "There is nothing here."),
    HTTPStatus.METHOD_NOT_ALLOWED: ("method_not_allowed", "Use another method."),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ("body_too_large", "The body is too large."),
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: (
        "unsupported_media_type",
        "Send JSON (application/json) or a form (application/x-www-form-urlencoded).",
    ),
}

# Their answers hold numbers, states of verifications and proofs.
_NEVER_STORED = ("/auth/", "/v2/")

# Up to so many seconds, in steps of so many.
_ROUNDING = ((60, 10), (3600, 60), (math.inf, 600))


def register(app: Flask, faces: Mapping[str, ErrorHandler]) -> None:
    """Answer every error of *app* in the contract's shape, and forbid caching.

    Args:
        app: The app.
        faces: Other answers, by the prefix of a path.
    """

    def answer(error: Exception) -> ResponseReturnValue:
        matches = (
            face for path, face in faces.items() if request.path.startswith(path)
        )
        return next(matches, _dispatch)(error)

    app.register_error_handler(Exception, answer)
    app.register_error_handler(HTTPException, answer)
    app.after_request(_forbid_storing)


def _forbid_storing(response: Response) -> Response:
    if request.path.startswith(_NEVER_STORED):
        response.headers["Cache-Control"] = "no-store"
    return response


def _dispatch(error: Exception) -> ResponseReturnValue:
    match error:
        case errors.OTPError():
            return _known_error(error)
        case HTTPException():
            return _http(error)
        case _:
            return _internal_error(error)


def send_headers(sent: SendResult) -> dict[str, str]:
    """Return the headers of a send.

    The lifetime is that of the client's own code, and exact.
    """
    return {
        "OTP-Expires-In": str(_whole_seconds(sent.expires_in)),
        "OTP-Resend-After": str(resend_seconds(sent.resend_after)),
    }


def failed_check_headers(expires_in: timedelta) -> dict[str, str]:
    """Return the header of a failed check: how long the newest code still lives.

    Another client may have requested that code. For a client without a key the time is
    rounded down, because the exact time would reveal when.
    """
    seconds = _whole_seconds(expires_in)
    if g.get("caller") is None:
        exact = max(0, math.floor(expires_in.total_seconds()))
        seconds = exact - exact % _step(exact)
    return {"OTP-Expires-In": str(seconds)}


def resend_seconds(resend_after: timedelta) -> int:
    """Return the seconds until another message is allowed.

    For a client without a key they are rounded up, as `retry_after` does it.
    """
    return _for_anonymous(_whole_seconds(resend_after))


def delivery_unconfirmed(headers: dict[str, str]) -> ResponseReturnValue:
    """Return the 504 of a send that the provider did not answer.

    The code can still arrive, so the *headers* of the send are needed.
    """
    error = errors.DeliveryUnconfirmed()
    return _answer(status_of(error), error.error_code, error.message, headers)


def status_of(error: errors.OTPError) -> HTTPStatus:
    """Return the HTTP status of *error*."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def _known_error(error: errors.OTPError) -> ResponseReturnValue:
    if isinstance(error, errors.RateLimited):
        g.limit = error.limit
    return _answer(status_of(error), error.error_code, error.message, _headers(error))


def _headers(error: errors.OTPError) -> dict[str, str]:
    match error:
        case errors.TooManyAttempts():
            wait = retry_after(error.retry_after, rule=True)
            return {"Retry-After": wait, "OTP-Attempts-Left": "0"}
        case errors.RateLimited():
            wait = retry_after(error.retry_after, rule=True)
            return {"Retry-After": wait, **_quota(error.limit)}
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
    name, message = _HTTP_ERRORS.get(status, fallback)
    kept = {"Allow"}
    headers = {key: value for key, value in error.get_headers() if key in kept}
    return _answer(status, name, message, headers)


def _internal_error(error: Exception) -> ResponseReturnValue:
    log.error("unexpected error", exc_info=error)
    message = f"Something went wrong on our side. Request id: {g.get('request_id')}"
    return _answer(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", message, {})


def _answer(
    status: HTTPStatus, name: str, message: str, headers: dict[str, str]
) -> ResponseReturnValue:
    g.error = name
    return {"msg": message, "error": name}, status, headers


def _quota(name: str) -> dict[str, str]:
    """Return the headers of the limit that rejected, for a client with a key."""
    limit = getattr(context.get_context().policy, name, None)
    if isinstance(limit, KeyedLimit):
        limit = limit.for_key(g.get("caller") or "")
    return (
        rate_limit_headers.for_refusal(name, limit) if isinstance(limit, Limit) else {}
    )


def retry_after(wait: timedelta, *, rule: bool = False) -> str:
    """Return whole seconds, at least 1.

    The wait of a *rule* is rounded up for an anonymous client. The exact time would
    reveal which rule rejected, and when the limit was reached.
    """
    seconds = max(1, math.ceil(wait.total_seconds()))
    return str(_for_anonymous(seconds) if rule else seconds)


def _for_anonymous(seconds: int) -> int:
    """Round *seconds* up, unless the client has a key."""
    if g.get("caller") is not None:
        return seconds
    step = _step(seconds)
    return math.ceil(seconds / step) * step


def _step(seconds: int) -> int:
    return next(step for below, step in _ROUNDING if seconds <= below)


def _whole_seconds(duration: timedelta) -> int:
    return max(0, math.ceil(duration.total_seconds()))
