"""What Twilio answers when something cannot be done.

Numbers and texts are those of Twilio's error dictionary and of answers seen on the
wire; programs match on both. What is told of a number is masked, for an answer ends in
logs: its beginning and its length are enough to find the mistake.
"""

from __future__ import annotations

import logging
import re
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from flask import g, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from otp_engine import errors
from otp_engine.api import responses
from otp_engine.api.verify_v2 import sids

log = logging.getLogger(__name__)

_GEO = "The destination phone number has been blocked by Verify Geo-Permissions."
_BROKEN = (20500, 500, "An internal server error has occurred")
_MEANINGS: dict[type[errors.OTPError], tuple[int, int, str]] = {
    errors.Unauthorized: (20003, 401, "Authentication Error - invalid username"),
    errors.InvalidRequest: (60200, 400, "Invalid parameter"),
    errors.InvalidCode: (60200, 400, "Invalid parameter: Code"),
    errors.InvalidPhone: (60200, 400, "Invalid parameter `To`"),
    errors.NumberTypeNotAllowed: (
        *(60205, 403, "SMS is not supported by landline phone number"),
    ),
    errors.CountryNotAllowed: (
        60605,
        403,
        _GEO + " {country} is blocked for sms channel for all services",
    ),
    errors.TooManyAttempts: (60202, 429, "Max check attempts reached"),
    errors.DeliveryFailed: (20502, 502, "Bad gateway"),
    errors.DeliveryUnconfirmed: (20504, 504, "Gateway timeout"),
    errors.Unavailable: (20503, 503, "Service unavailable"),
}
# Every other limit is one of those that Twilio calls programmable.
_LIMITS = {
    "max_sends": (60203, "Max send attempts reached"),
    "sends_per_phone": (60203, "Max send attempts reached"),
    "wrong_checks_per_phone": (60202, "Max check attempts reached"),
    "max_consecutive_failures": (60202, "Max check attempts reached"),
    "resend_cooldown": (60212, "Too many concurrent requests for phone number"),
}
_WORD = re.compile(r"v2|[A-Za-z-]{0,40}", re.ASCII)
_LONGEST_PATH = 500
_SHOWN = 3
_LONGEST_SHOWN = 16


class Problem(Exception):
    """An answer that is an error.

    Attributes:
        number: Twilio's, which more is written about at `more_info`.
        retry_after: How long until the same might succeed, where that is known.
    """

    def __init__(
        self,
        number: int,
        status: int,
        message: str,
        *,
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(message)
        self.number = number
        self.status = status
        self.message = message
        self.retry_after = retry_after


def invalid(name: str) -> Problem:
    """A parameter that is missing, or is not what it must be."""
    return Problem(60200, HTTPStatus.BAD_REQUEST, f"Invalid parameter: {name}")


def invalid_to(given: str) -> Problem:
    """A destination that is no phone number."""
    shown = given[:_SHOWN] + "*" * len(given[_SHOWN:_LONGEST_SHOWN])
    return Problem(60200, HTTPStatus.BAD_REQUEST, f"Invalid parameter `To`: {shown}")


def not_found() -> Problem:
    """The thing that the path names, or what it is about, is not there."""
    path = "/".join(map(_safe, request.path[:_LONGEST_PATH].split("/")))
    message = f"The requested resource {path} was not found"
    return Problem(20404, HTTPStatus.NOT_FOUND, message)


def _safe(part: str) -> str:
    """Part of a path that is a word or a sid; of anything else, the beginning."""
    if _WORD.fullmatch(part) or sids.is_one(part, part[:2]):
        return part
    return part[:_SHOWN] + "*" * len(part[_SHOWN:_LONGEST_SHOWN])


def unconfirmed(verification: bytes) -> ResponseReturnValue:
    """Return the 504 of a send that the provider did not answer.

    Verify has no body for it. The header has the sid, because the code can still arrive
    and a bound verification can be checked with its sid only.
    """
    body, status, headers = answer(errors.DeliveryUnconfirmed())
    sid = sids.of_verification(verification)
    return body, status, headers | {"OTP-Verification": sid}


def answer(error: Exception) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Shape any error as Twilio does."""
    problem = _problem(error)
    if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("unexpected error", exc_info=error)
    g.error = str(problem.number)
    if isinstance(error, errors.OTPError):
        g.error = error.name
    body = {
        "code": problem.number,
        "message": problem.message,
        "more_info": f"https://www.twilio.com/docs/errors/{problem.number}",
        "status": int(problem.status),
    }
    headers = {}
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        headers["Allow"] = ", ".join(sorted(error.valid_methods))
    if problem.status == HTTPStatus.UNAUTHORIZED:
        body["detail"] = ""
        headers["WWW-Authenticate"] = 'Basic realm="otp"'
    if problem.retry_after is not None:
        headers["Retry-After"] = responses.retry_after(
            problem.retry_after, rule=problem.status == HTTPStatus.TOO_MANY_REQUESTS
        )
    return body, int(problem.status), headers


def _problem(error: Exception) -> Problem:
    match error:
        case Problem():
            return error
        case errors.VerificationNotFound():
            return not_found()
        case errors.RateLimited():
            return _limited(error)
        case errors.OTPError():
            return _refused(error)
        case HTTPException():
            return _http(error)
        case _:
            return Problem(*_BROKEN)


def _limited(error: errors.RateLimited) -> Problem:
    g.limit = error.limit
    number, message = _LIMITS.get(error.limit, (20429, "Too many requests"))
    return Problem(number, 429, message, retry_after=error.retry_after)


def _refused(error: errors.OTPError) -> Problem:
    meanings = (_MEANINGS[kind] for kind in type(error).__mro__ if kind in _MEANINGS)
    number, status, message = next(meanings, _BROKEN)
    if isinstance(error, errors.CountryNotAllowed):
        message = message.format(country=error.country or "It")
    return Problem(
        number, status, message, retry_after=getattr(error, "retry_after", None)
    )


def _http(error: HTTPException) -> Problem:
    match error.code:
        case HTTPStatus.NOT_FOUND:
            return not_found()
        case HTTPStatus.METHOD_NOT_ALLOWED:
            return Problem(20004, 405, "Method not allowed")
        case code if code and code < HTTPStatus.INTERNAL_SERVER_ERROR:
            return Problem(*_MEANINGS[errors.InvalidRequest])
        case _:
            return Problem(*_BROKEN)
