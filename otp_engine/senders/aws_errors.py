"""Maps the errors of AWS End User Messaging to the errors of this package.

The exceptions and their reasons are those of the API reference "AWS End User Messaging
SMS and voice", version 2.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from http import HTTPStatus

from otp_engine.errors import (
    CountryNotAllowed,
    DeliveryFailed,
    DeliveryUnconfirmed,
    InvalidPhone,
    OTPError,
    ProviderUnavailable,
    RecipientOptedOut,
)

_NAME = re.compile(r"[A-Za-z]{1,64}", re.ASCII)
_REASON = re.compile(r"[A-Z_]{1,80}", re.ASCII)
_NUMBER_FIELD = "DestinationPhoneNumber"
# A quota of a day or a month: after each failure the circuit breaker waits at most as
# long, because the operator can raise it at any time.
_QUOTA_PERIOD = timedelta(minutes=1)


def _quota_used() -> OTPError:
    return ProviderUnavailable("has no quota left", retry_after=_QUOTA_PERIOD)


def _not_active() -> OTPError:
    return ProviderUnavailable("has no active configuration", retry_after=_QUOTA_PERIOD)


def _next_provider() -> OTPError:
    return DeliveryFailed(retry_elsewhere=True)


def _recipient_rejected() -> OTPError:
    return DeliveryFailed(retry_elsewhere=False)


_BY_REASON: dict[str, Callable[[], OTPError]] = {
    # ConflictException
    "DESTINATION_PHONE_NUMBER_OPTED_OUT": RecipientOptedOut,
    "DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION": CountryNotAllowed,
    "DESTINATION_PHONE_NUMBER_BLOCKED_BY_PROTECT_NUMBER_OVERRIDE": _recipient_rejected,
    "NOTIFY_CONFIGURATION_NOT_ACTIVE": _not_active,
    # ServiceQuotaExceededException
    "DAILY_NOTIFY_TIER_MESSAGE_LIMIT": _quota_used,
    "MONTHLY_SPEND_LIMIT_REACHED_FOR_NOTIFY": _quota_used,
    "MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT": _quota_used,
    "MONTHLY_SPEND_LIMIT_REACHED_FOR_VOICE": _quota_used,
    # A limit of one recipient: no reason to suspend the provider for the others.
    "DAILY_DESTINATION_CALL_LIMIT": _next_provider,
}

_BY_NAME: dict[str, Callable[[], OTPError]] = {
    "ThrottlingException": ProviderUnavailable,
    "TooManyRequestsException": ProviderUnavailable,
    "ServiceQuotaExceededException": _quota_used,
    "InternalServerException": DeliveryUnconfirmed,
}


def describe(document: Mapping[str, object]) -> str:
    """Return the reason of an error, or the name of its exception.

    Args:
        document: The body of the response. Its other texts can contain the number.

    Returns:
        The text; `unknown` if the document has neither in the documented form.
    """
    return _reason_of(document) or _name_of(document) or "unknown"


def to_error(status: int, document: Mapping[str, object]) -> OTPError:
    """Return the error that corresponds to an error response.

    A server error is no rejection, because the message may have been sent. A rejection
    with another reason concerns the account, and another provider can succeed.

    Args:
        status: HTTP status of the response.
        document: The body of the response; empty if it is no JSON object.

    Returns:
        A new error, with `describe` as its `provider_error`.
    """
    error = _create_error(status, document)
    error.provider_error = describe(document)
    return error


def _create_error(status: int, document: Mapping[str, object]) -> OTPError:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return DeliveryUnconfirmed()
    if create_error := _BY_REASON.get(_reason_of(document)):
        return create_error()
    if create_error := _BY_NAME.get(_name_of(document)):
        return create_error()
    if _is_about_the_number(document):
        return InvalidPhone()
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return ProviderUnavailable()
    return _next_provider()


def _name_of(document: Mapping[str, object]) -> str:
    """Return the name of the exception, which a namespace and a `#` can precede."""
    name = str(document.get("__type", "")).rpartition("#")[2]
    return name if _NAME.fullmatch(name) else ""


def _reason_of(document: Mapping[str, object]) -> str:
    reason = str(document.get("Reason", ""))
    return reason if _REASON.fullmatch(reason) else ""


def _is_about_the_number(document: Mapping[str, object]) -> bool:
    """Return whether a ValidationException names the number as its only field."""
    fields = document.get("Fields")
    if not isinstance(fields, list) or not fields:
        return False
    return all(
        isinstance(entry, dict) and entry.get("Name") == _NUMBER_FIELD
        for entry in fields
    )
