"""Maps Twilio's error codes to the errors of this package.

The codes are documented at https://www.twilio.com/docs/api/errors.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus

from otp_engine.errors import (
    CountryNotAllowed,
    DeliveryFailed,
    DeliveryUnconfirmed,
    InvalidPhone,
    NumberTypeNotAllowed,
    OTPError,
    ProviderUnavailable,
    RecipientOptedOut,
)

_CODE = re.compile(r"[0-9]{1,9}", re.ASCII)

# Twilio gives no time to wait. Error 14107 counts messages in windows of 30 seconds.
_THROTTLE_PERIOD = timedelta(seconds=30)


def _throttled() -> OTPError:
    return ProviderUnavailable(retry_after=_THROTTLE_PERIOD)


def _recipient_rejected() -> OTPError:
    return DeliveryFailed(retry_elsewhere=False)


_ERRORS: dict[int, Callable[[], OTPError]] = {
    14107: _throttled,  # more than 30 messages between two numbers in 30 s
    20429: ProviderUnavailable,  # too many concurrent requests; not processed
    21211: InvalidPhone,
    21214: InvalidPhone,  # cannot be reached
    21217: InvalidPhone,
    21265: InvalidPhone,  # a short code
    21215: CountryNotAllowed,  # geo permissions of the account
    21408: CountryNotAllowed,  # the same
    21610: RecipientOptedOut,
    21611: _throttled,  # the sender's queue is full
    21614: NumberTypeNotAllowed,  # not a mobile number
    21635: NumberTypeNotAllowed,  # a landline
    30003: _recipient_rejected,  # switched off, or without coverage
    30004: _recipient_rejected,  # blocked
    30005: InvalidPhone,  # unknown
    30006: NumberTypeNotAllowed,  # a landline, or an unreachable network
    30450: _recipient_rejected,  # SMS pumping protection
    30453: _recipient_rejected,
}


def parse_code(value: object) -> int | None:
    """Parse an error code, which Twilio documents as a number.

    Args:
        value: The code of a response or of a delivery report, as a number or as text.

    Returns:
        The code; None if *value* is neither.
    """
    text = str(value)
    return int(text) if _CODE.fullmatch(text) else None


def to_error(status: int, code: int | None) -> OTPError:
    """Return the error that corresponds to a rejection by Twilio.

    A server error is no rejection: Twilio does not document that the message was not
    sent. A rejection with another code concerns the account or the sender. The operator
    must act, and another sender may succeed.

    Args:
        status: HTTP status of the response.
        code: Twilio's error code; None if the response has none.

    Returns:
        A new error, with *code* as its `provider_error`.
    """
    error = _create_error(status, code)
    error.provider_error = code or None
    return error


def from_failed_message(code: int | None) -> OTPError:
    """Return the error of a message that Twilio accepted and could not deliver at once.

    Args:
        code: The error code of the message; None if it has none.

    Returns:
        A new error, with *code* as its `provider_error`.
    """
    error = _ERRORS.get(code or 0, _recipient_rejected)()
    error.provider_error = code or None
    return error


def _create_error(status: int, code: int | None) -> OTPError:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return DeliveryUnconfirmed()
    if create_error := _ERRORS.get(code or 0):
        return create_error()
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return ProviderUnavailable()
    return DeliveryFailed(retry_elsewhere=True)
