"""Twilio's error codes, messages and error bodies.

Codes and messages are those of Twilio's error dictionary and of recorded responses;
clients match on both. Phone numbers in messages are masked, because clients log them:
the first characters and the length are enough to find a mistake.

A wait is in `OTP-Retry-After`. Some HTTP clients sleep for the whole of `Retry-After`
and then send the request again, without a maximum: HttpClient 5 in Twilio's SDK for
Java does so after a 429 and a 503. So a 429 has no `Retry-After`, and that of a 503 is
short.
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
from otp_engine.api import error_handlers, response_headers
from otp_engine.domain import sids
from otp_engine.domain.models import Channel
from otp_engine.parsing import is_sid

log = logging.getLogger(__name__)

_GEO = "The destination phone number has been blocked by Verify Geo-Permissions."
# Clients match on this text, with the name of Twilio in it.
_SUSPENDED = (
    "The destination phone number has been temporarily blocked by Twilio due to"
    " fraudulent activities."
)
_INTERNAL = (20500, 500, "An internal server error has occurred")
_ERRORS: dict[type[errors.OTPError], tuple[int, int, str]] = {
    errors.Unauthorized: (20003, 401, "Authentication Error - invalid username"),
    errors.OriginNotAllowed: (20006, 403, "Access denied"),
    errors.InvalidRequest: (60200, 400, "Invalid parameter"),
    errors.InvalidCode: (60200, 400, "Invalid parameter: Code"),
    errors.InvalidPhone: (60200, 400, "Invalid parameter `To`"),
    errors.InvalidEmail: (60200, 400, "Invalid parameter `To`"),
    errors.NumberTypeNotAllowed: (
        *(60205, 403, "SMS is not supported by landline phone number"),
    ),
    errors.CountryNotAllowed: (
        60605,
        403,
        _GEO + " {country} is blocked for {channel} channel for all services",
    ),
    errors.DestinationSuspended: (
        60410,
        403,
        _SUSPENDED + " {place} is blocked for the {channel} channel",
    ),
    errors.PrefixNotAllowed: (
        60410,
        403,
        _SUSPENDED + " {prefix} prefix is blocked for the {channel} channel",
    ),
    errors.RequesterNotAllowed: (20006, 403, "Access denied"),
    errors.ChannelNotAllowed: (60223, 400, "Delivery channel disabled: {channel}"),
    errors.RecipientOptedOut: (
        *(21610, 400, "Attempt to send to unsubscribed recipient"),
    ),
    errors.TooManyAttempts: (60202, 429, "Max check attempts reached"),
    errors.RecipientNotOnChannel: (63003, 400, "Channel could not find To address"),
    errors.DeliveryFailed: (20502, 502, "Bad gateway"),
    errors.DeliveryUnconfirmed: (20504, 504, "Gateway timeout"),
    errors.Unavailable: (20503, 503, "Service unavailable"),
    # Verify accepts the digits of phone numbers, so the text has the reason.
    errors.InvalidIdentity: (
        *(60306, 400, f"Invalid Request: Identity. {errors.InvalidIdentity.message}"),
    ),
    errors.InvalidFactor: (60306, 400, "Invalid Request: {parameter}"),
    errors.FactorsNotConfigured: (
        *(60204, 403, "Service does not support this feature"),
    ),
    errors.EntityNotFound: (60392, 404, "Entity not found"),
    errors.FactorNotFound: (60390, 404, "Factor not found"),
    errors.ChallengeNotFound: (60391, 404, "Challenge not found"),
    errors.EntityExists: (60301, 409, "Entity already exists"),
    errors.FactorExists: (60317, 409, "Factor already exists"),
    # A verified factor cannot move from unverified to verified.
    errors.FactorAlreadyVerified: (60311, 403, "Factor verification failed"),
    errors.FactorUnverified: (60318, 403, "Factor is unverified"),
    errors.TooManyFactors: (
        *(60315, 400, "Reached max limit of 100 totp Factors associated per Entity"),
    ),
    errors.ChallengeAlreadyApproved: (60322, 403, "Challenge already responded"),
    errors.ChallengeExpired: (60323, 403, "Challenge expired"),
}
# Every other limit is a programmable rate limit in Twilio's terms.
_LIMITS = {
    "max_sends": (60203, "Max send attempts reached"),
    "sends_per_phone": (60203, "Max send attempts reached"),
    "sends_per_mailbox": (60203, "Max send attempts reached"),
    "calls_per_phone": (60203, "Max send attempts reached"),
    "failed_checks_per_phone": (60202, "Max check attempts reached"),
    "max_consecutive_failures": (60202, "Max check attempts reached"),
    "resend_cooldown": (60212, "Too many concurrent requests for phone number"),
    "factors_per_entity": (
        *(60326, "Too many requests to create factors for the entity"),
    ),
    "max_factor_tries": (60310, "Factor verification attempts reached"),
    "challenges_per_factor": (60312, "Challenge creation limit reached"),
    "max_challenge_checks": (60308, "Challenge verification attempts limit reached"),
    "failed_checks_per_factor": (
        *(60308, "Challenge verification attempts limit reached"),
    ),
}
# The parameters of the values of a factor.
_FACTOR_PARAMETERS = {
    "code_length": "Config.CodeLength",
    "time_step": "Config.TimeStep",
    "skew": "Config.Skew",
    "algorithm": "Config.Alg",
    "secret": "Binding.Secret",
    "friendly_name": "FriendlyName",
    "metadata": "Metadata",
    "expires_at": "ExpirationDate",
}
# The path of entities, which have errors of their own.
_ENTITIES = re.compile(r"/v2/Services/[^/]*/Entities(?:/|$)")
_WORD = re.compile(r"v2|[A-Za-z-]{0,40}", re.ASCII)
_OF_ENTITIES = "/Entities/"
_PARTS_OF_ENTITIES = frozenset({"", "Factors", "Challenges", "Notifications"})
_MAX_PATH_LENGTH = 500
_VISIBLE = 3
_MAX_MASKED = 16
_MAX_RETRY_AFTER = 3  # seconds


class TwilioApiError(Exception):
    """An error response of Twilio's API.

    Attributes:
        code: Twilio's error code.
        status: The HTTP status.
        message: The message of the body.
        retry_after: Time until a retry can succeed, or None if it is unknown.
    """

    def __init__(
        self,
        code: int,
        status: int,
        message: str,
        *,
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.message = message
        self.retry_after = retry_after


def invalid_parameter(name: str) -> TwilioApiError:
    """Return the error for a parameter that is missing or not valid."""
    code, problem = 60200, "Invalid parameter"
    if _ENTITIES.match(request.path):
        code, problem = 60306, "Invalid Request"
    return TwilioApiError(code, HTTPStatus.BAD_REQUEST, f"{problem}: {name}")


def invalid_destination(to: str) -> TwilioApiError:
    """Return the error for a `To` that is not a phone number."""
    message = f"Invalid parameter `To`: {_mask(to)}"
    return TwilioApiError(60200, HTTPStatus.BAD_REQUEST, message)


def unsupported_feature() -> TwilioApiError:
    """Return the error for a feature that the service does not have."""
    message = "Service does not support this feature"
    return TwilioApiError(60204, HTTPStatus.FORBIDDEN, message)


def not_found() -> TwilioApiError:
    """Return the error for a resource that does not exist."""
    path, entities, rest = request.path[:_MAX_PATH_LENGTH].partition(_OF_ENTITIES)
    path = "/".join(map(_redact, path.split("/")))
    if entities:
        # An identity can be a word, have the form of a SID, or contain a slash.
        identity, *parts = rest.split("/")
        path += entities + "/".join([_mask(identity), *map(_redact_of_entity, parts)])
    message = f"The requested resource {path} was not found"
    return TwilioApiError(20404, HTTPStatus.NOT_FOUND, message)


def _redact(part: str) -> str:
    """Return a part of a path: masked, unless it is a word or a SID."""
    return part if _WORD.fullmatch(part) or is_sid(part, part[:2]) else _mask(part)


def _redact_of_entity(part: str) -> str:
    """Return a part of a path after an identity: masked, unless Verify has it."""
    is_public = part in _PARTS_OF_ENTITIES or is_sid(part, "YF") or is_sid(part, "YC")
    return part if is_public else _mask(part)


def _mask(text: str) -> str:
    return text[:_VISIBLE] + "*" * len(text[_VISIBLE:_MAX_MASKED])


def unconfirmed(verification: bytes) -> ResponseReturnValue:
    """Return the 504 of a send that the provider did not answer.

    Verify has no body for it. The header has the SID, because the code can still arrive
    and a bound verification can be checked with its SID only.
    """
    body, status, headers = handle(errors.DeliveryUnconfirmed())
    sid = sids.verification_sid(verification)
    return body, status, headers | {"OTP-Verification": sid}


def handle(error: Exception) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Return the response to any *error* in Twilio's format."""
    api_error = _to_api_error(error)
    if api_error.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("unexpected error", exc_info=error)
    g.error = str(api_error.code)
    if isinstance(error, errors.OTPError):
        g.error = error.error_code
    body = {
        "code": api_error.code,
        "message": api_error.message,
        "more_info": f"https://www.twilio.com/docs/errors/{api_error.code}",
        "status": int(api_error.status),
    }
    headers = _wait_headers(api_error)
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        headers["Allow"] = ", ".join(sorted(error.valid_methods))
    if api_error.status == HTTPStatus.UNAUTHORIZED:
        body["detail"] = ""
        headers["WWW-Authenticate"] = 'Basic realm="otp"'
    return body, int(api_error.status), headers


def _wait_headers(error: TwilioApiError) -> dict[str, str]:
    """Return the time until a retry can succeed: all of it in `OTP-Retry-After`."""
    if error.retry_after is None:
        return {}
    if error.status == HTTPStatus.FORBIDDEN:
        seconds = response_headers.suspension_retry_after(error.retry_after)
    else:
        rule = error.status == HTTPStatus.TOO_MANY_REQUESTS
        seconds = response_headers.retry_after(error.retry_after, rule=rule)
    headers = {"OTP-Retry-After": seconds}
    if error.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(min(int(seconds), _MAX_RETRY_AFTER))
    return headers


def _to_api_error(error: Exception) -> TwilioApiError:
    match error:
        case TwilioApiError():
            return error
        case errors.VerificationNotFound():
            return not_found()
        case errors.RateLimited():
            return _from_rate_limit(error)
        case errors.OTPError():
            return _from_otp_error(error)
        case HTTPException():
            return _from_http_error(error)
        case _:
            return TwilioApiError(*_INTERNAL)


def _from_rate_limit(error: errors.RateLimited) -> TwilioApiError:
    g.limit = error.limit
    code, message = _LIMITS.get(error.limit, (20429, "Too many requests"))
    if error.limit == "max_consecutive_failures" and _ENTITIES.match(request.path):
        code, message = _LIMITS["failed_checks_per_factor"]
    # No wait helps against a maximum without a period.
    return TwilioApiError(code, 429, message, retry_after=error.retry_after or None)


def _from_otp_error(error: errors.OTPError) -> TwilioApiError:
    matches = (_ERRORS[kind] for kind in type(error).__mro__ if kind in _ERRORS)
    code, status, message = next(matches, _INTERNAL)
    if isinstance(error, errors.CountryNotAllowed):
        is_of_calls = error.rule == "call_countries"
        channel = Channel.CALL if is_of_calls else _requested_channel()
        message = message.format(country=error.country or "It", channel=channel)
    if isinstance(error, errors.DestinationSuspended):
        g.limit = error_handlers.rule_of(error)
        is_country = error.prefix == error.country
        place = error.prefix if is_country else f"{error.prefix} prefix"
        message = message.format(place=place, channel=_requested_channel().upper())
    if isinstance(error, errors.PrefixNotAllowed):
        message = message.format(
            prefix=error.prefix, channel=_requested_channel().upper()
        )
    if isinstance(error, errors.ChannelNotAllowed):
        message = message.format(channel=error.channel.upper())
    if isinstance(error, errors.InvalidFactor):
        name = _FACTOR_PARAMETERS.get(error.parameter, error.parameter)
        message = message.format(parameter=name)
    if type(error) is errors.InvalidRequest:
        # The body itself is malformed, so no parameter can be named.
        message = f"{message}: {error.message}"
    retry_after = None
    if isinstance(error, errors.LimitExceeded | errors.Unavailable):
        retry_after = error.retry_after
    return TwilioApiError(code, status, message, retry_after=retry_after)


def _requested_channel() -> Channel:
    """Return the channel that the client chose; `sms` if it left the choice."""
    return g.get("channel") or Channel.SMS


def _from_http_error(error: HTTPException) -> TwilioApiError:
    match error.code:
        case HTTPStatus.NOT_FOUND:
            return not_found()
        case HTTPStatus.METHOD_NOT_ALLOWED:
            return TwilioApiError(20004, 405, "Method not allowed")
        case code if code and code < HTTPStatus.INTERNAL_SERVER_ERROR:
            return TwilioApiError(*_ERRORS[errors.InvalidRequest])
        case _:
            return TwilioApiError(*_INTERNAL)
