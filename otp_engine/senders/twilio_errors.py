"""What Twilio's error numbers mean for the person and for the operator.

The numbers are those of https://www.twilio.com/docs/api/errors.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus

from otp_engine.errors import (
    CarrierUnavailable,
    CountryNotAllowed,
    DeliveryFailed,
    DeliveryUnconfirmed,
    InvalidPhone,
    NumberTypeNotAllowed,
    OTPError,
)

_A_WHILE = timedelta(seconds=30)


def _busy() -> OTPError:
    return CarrierUnavailable(retry_after=_A_WHILE)


def _this_number() -> OTPError:
    return DeliveryFailed(elsewhere=False)


_MEANINGS: dict[int, Callable[[], OTPError]] = {
    14107: _busy,  # more than 30 messages between two numbers in 30 s
    20429: CarrierUnavailable,  # too many at once; never processed
    21211: InvalidPhone,
    21217: InvalidPhone,
    21408: CountryNotAllowed,  # geo permissions of the account
    21610: _this_number,  # the person has answered STOP
    21611: _busy,  # the sender's queue is full
    21614: NumberTypeNotAllowed,  # not a mobile number
    21635: NumberTypeNotAllowed,  # a landline
    30450: _this_number,  # SMS pumping protection
    30453: _this_number,
}


def meaning(status: int, number: int) -> OTPError:
    """Say what an answer of *status* with Twilio's error *number* means.

    A server error is silence: nothing documents that the message did not leave. Any
    other refusal that is not about the number is about the account or the sender,
    which is for the operator, and another sender might do better.
    """
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return DeliveryUnconfirmed()
    if named := _MEANINGS.get(number):
        return named()
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return CarrierUnavailable()
    return DeliveryFailed(elsewhere=True)
