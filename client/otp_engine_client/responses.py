"""From responses to results and errors, without input or output."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any, TypeVar

import httpx

from otp_engine_client import errors
from otp_engine_client.errors import ErrorResponse
from otp_engine_client.results import Check, Enrollment, LimitWindow, PageLink, Send

BY_NAME: Mapping[str, type[ErrorResponse]] = {
    "invalid_phone": errors.InvalidPhone,
    "invalid_email": errors.InvalidEmail,
    "invalid_code": errors.InvalidCode,
    "invalid_identity": errors.InvalidIdentity,
    "invalid_factor": errors.InvalidFactor,
    "invalid_return_url": errors.InvalidReturnURL,
    "recipient_not_on_channel": errors.RecipientNotOnChannel,
    "country_not_allowed": errors.DestinationNotAllowed,
    "prefix_not_allowed": errors.DestinationNotAllowed,
    "number_type_not_allowed": errors.DestinationNotAllowed,
    "destination_suspended": errors.DestinationSuspended,
    "recipient_opted_out": errors.RecipientOptedOut,
    "channel_not_allowed": errors.ChannelNotAllowed,
    "verification_not_found": errors.VerificationNotFound,
    "factor_not_found": errors.FactorNotFound,
    "factor_already_verified": errors.FactorAlreadyVerified,
    "rate_limited": errors.RateLimited,
    "too_many_attempts": errors.TooManyAttempts,
    "enrollment_locked": errors.EnrollmentLocked,
    "delivery_failed": errors.DeliveryFailed,
    "unavailable": errors.Unavailable,
    "delivery_unconfirmed": errors.DeliveryUnconfirmed,
}
"""The classes of error names. Other names have the class of their status."""

_BY_STATUS: Mapping[int, type[ErrorResponse]] = {
    HTTPStatus.BAD_REQUEST: errors.InvalidRequest,
    HTTPStatus.UNAUTHORIZED: errors.Unauthorized,
    HTTPStatus.FORBIDDEN: errors.NotAllowed,
    HTTPStatus.NOT_FOUND: errors.NotFound,
    HTTPStatus.CONFLICT: errors.Conflict,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: errors.InvalidRequest,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: errors.InvalidRequest,
    HTTPStatus.TOO_MANY_REQUESTS: errors.TooManyRequests,
}
_Result = TypeVar("_Result")
_ITEM = re.compile(r'"((?:[^"\\]|\\.)*)"((?:;[a-z]+=[0-9]+)*)')


def raise_error(response: httpx.Response) -> None:
    """Raise the exception of a response, unless it is a success.

    Raises:
        ErrorResponse: The status is not 200 to 299.
    """
    if response.is_success:
        return
    body = _json(response)
    name, message = body.get("error"), body.get("msg")
    facts: dict[str, Any] = {
        "status": response.status_code,
        "retry_after": _seconds(response, "Retry-After"),
        "attempts_left": _integer(response, "OTP-Attempts-Left"),
        "limit": _text(body.get("limit")),
        "request_id": response.headers.get("X-Request-Id"),
    }
    if not isinstance(name, str) or not isinstance(message, str):
        text = "The response is not one of OTP Engine."
        raise errors.UnexpectedResponse("", text, **facts)
    error = class_of(name, response.status_code)(name, message, **facts)
    if isinstance(error, errors.DeliveryUnconfirmed):
        error.send = _send_facts(response)
    raise error


def class_of(name: str, status: int) -> type[ErrorResponse]:
    """Return the class of an error name, or of the status of an unknown name."""
    by_status = _BY_STATUS.get(status, ErrorResponse)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        by_status = errors.ServiceError
    return BY_NAME.get(name, by_status)


def send(response: httpx.Response) -> Send:
    """Parse a send that the service accepted."""
    _status(response)
    return _send_facts(response)


def _send_facts(response: httpx.Response) -> Send:
    return Send(
        channel=response.headers.get("OTP-Channel"),
        expires_in=_seconds(response, "OTP-Expires-In"),
        resend_after=_seconds(response, "OTP-Resend-After"),
        handle=response.headers.get("OTP-Verification"),
        limits=_limits(response),
        request_id=response.headers.get("X-Request-Id"),
    )


def check(response: httpx.Response) -> Check:
    """Parse the result of a check. Only the exact status `approved` is an approval."""
    return Check(
        approved=_status(response) == "approved",
        channel=response.headers.get("OTP-Channel"),
        attempts_left=_integer(response, "OTP-Attempts-Left"),
        expires_in=_seconds(response, "OTP-Expires-In"),
        recovery_codes_left=_integer(response, "OTP-Recovery-Codes-Left"),
        proof=response.headers.get("OTP-Proof"),
        request_id=response.headers.get("X-Request-Id"),
    )


def enrollment(response: httpx.Response) -> Enrollment:
    """Parse a new enrollment."""
    body = _json(response)
    return _complete(
        response,
        lambda: Enrollment(
            secret=body["secret"],
            uri=body["uri"],
            qr_code=body["qr_code"],
            recovery_codes=tuple(body["recovery_codes"]),
            request_id=response.headers.get("X-Request-Id"),
        ),
    )


def page_link(response: httpx.Response) -> PageLink:
    """Parse a link to the hosted page."""
    body = _json(response)
    return _complete(
        response,
        lambda: PageLink(
            url=body["url"],
            expires_in=timedelta(seconds=body["expires_in"]),
            request_id=response.headers.get("X-Request-Id"),
        ),
    )


def cancellation(response: httpx.Response) -> None:
    """Parse a cancellation, which has no result."""
    if _status(response) != "canceled":
        raise _unexpected(response)


def deletion(response: httpx.Response) -> None:
    """Parse a deletion, which has no result."""
    if response.status_code != HTTPStatus.NO_CONTENT:
        raise _unexpected(response)


def keys(response: httpx.Response) -> Mapping[str, Any]:
    """Parse the public keys of proof tokens (JWK Set, RFC 7517)."""
    body = _json(response)
    if not isinstance(body.get("keys"), list):
        raise _unexpected(response)
    return body


def _status(response: httpx.Response) -> str:
    """Return the status of the verification.

    A web server that is not the service can answer any request with a page and 200.
    """
    status = _json(response).get("VerificationStatus")
    if not isinstance(status, str):
        raise _unexpected(response)
    return status


def _complete(response: httpx.Response, build: Callable[[], _Result]) -> _Result:
    try:
        return build()
    except (KeyError, TypeError):
        raise _unexpected(response) from None


def _unexpected(response: httpx.Response) -> errors.UnexpectedResponse:
    text = "The response is not one of OTP Engine."
    return errors.UnexpectedResponse("", text, status=response.status_code)


def _limits(response: httpx.Response) -> tuple[LimitWindow, ...]:
    """Join `RateLimit-Policy` and `RateLimit` by the names of their items."""
    left = dict(_items(response, "RateLimit"))
    windows = []
    for name, policy in _items(response, "RateLimit-Policy"):
        if "q" in policy and "w" in policy:
            usage = left.get(name, {})
            resets = usage.get("t")
            windows.append(
                LimitWindow(
                    name=name,
                    quota=policy["q"],
                    period=timedelta(seconds=policy["w"]),
                    remaining=usage.get("r"),
                    resets_in=None if resets is None else timedelta(seconds=resets),
                )
            )
    return tuple(windows)


def _items(response: httpx.Response, header: str) -> list[tuple[str, dict[str, int]]]:
    items = []
    for name, parameters in _ITEM.findall(response.headers.get(header, "")):
        pairs = (pair.split("=") for pair in parameters.split(";")[1:])
        items.append((name, {key: int(value) for key, value in pairs}))
    return items


def _json(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _integer(response: httpx.Response, header: str) -> int | None:
    text = response.headers.get(header, "")
    return int(text) if re.fullmatch("[0-9]{1,9}", text) else None


def _seconds(response: httpx.Response, header: str) -> timedelta | None:
    # A proxy may send `Retry-After` as a date, which is not read.
    seconds = _integer(response, header)
    return None if seconds is None else timedelta(seconds=seconds)
