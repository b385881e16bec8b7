"""The answers of webhook receivers, and the errors that they correspond to.

A receiver answers with a status of 2xx and the id of its message, or names the reason
why it did not send the message. An answer without a clear result is an unknown outcome:
the recipient may have the message, and another provider would send a second one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
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
    RecipientNotOnChannel,
    RecipientOptedOut,
)
from otp_engine.senders import error_codes
from otp_engine.senders.http_connection import HttpResponse

_MAX_RETRY_AFTER = timedelta(hours=1)
_DEFAULT_RETRY_AFTER = timedelta(seconds=1)
_SECONDS = re.compile(r"[0-9]{1,6}", re.ASCII)
_MESSAGE_ID = re.compile(r"[!-~]{1,128}", re.ASCII)


def _try_elsewhere() -> OTPError:
    return DeliveryFailed(retry_elsewhere=True)


def _recipient_rejected() -> OTPError:
    return DeliveryFailed(retry_elsewhere=False)


ERRORS: dict[str, Callable[[], OTPError]] = {
    "invalid_phone": InvalidPhone,
    "number_type_not_allowed": NumberTypeNotAllowed,
    "country_not_allowed": CountryNotAllowed,
    "recipient_opted_out": RecipientOptedOut,
    "recipient_not_on_channel": RecipientNotOnChannel,
    "recipient_rejected": _recipient_rejected,
    "rejected": _try_elsewhere,
    "authentication_failed": _try_elsewhere,
    "misconfigured": _try_elsewhere,
    "rate_limited": ProviderUnavailable,
    "unavailable": ProviderUnavailable,
    "unconfirmed": DeliveryUnconfirmed,
}
"""The `error` of an answer, and the error that it raises."""

# A proxy sends these before or after the receiver has processed the request: a time-out
# (408, 499), a conflict with a request with the same key (409), an early request (425).
_UNKNOWN_STATUSES = frozenset({408, 409, 425, 499})
# The request is to be repeated at another URL, so it had no effect here. After 302 and
# 303 it may have had one (RFC 9110, 15.4).
_MOVED_STATUSES = frozenset({301, 307, 308})


def read(response: HttpResponse) -> str | None:
    """Return the id of an accepted message, if the answer has one.

    Args:
        response: The answer of a receiver.

    Raises:
        ProviderUnavailable, DeliveryFailed, DestinationNotAllowed, InvalidPhone: The
            receiver did not send the message.
        DeliveryUnconfirmed: The receiver may have sent the message.
    """
    document = _parse_object(response.body)
    word = document.get("error")
    if isinstance(word, str) and word in ERRORS:
        raise _with_details(ERRORS[word](), response, document)
    if document.get("accepted") is False:
        raise _with_details(_try_elsewhere(), response, document)
    if not _is_success(response):
        raise _from_status(response)
    if response.status == HTTPStatus.NO_CONTENT or not response.body.strip():
        return None
    message_id = _parse_message_id(document.get("message_id"))
    if word is not None or not (message_id or document.get("accepted") is True):
        raise DeliveryUnconfirmed
    return message_id


def read_status(response: HttpResponse) -> None:
    """Check the status of an answer that has no result in its body.

    Args:
        response: The answer of a receiver of the preset `from_to_body`.

    Raises:
        ProviderUnavailable, DeliveryFailed: The receiver did not send the message.
        DeliveryUnconfirmed: The receiver may have sent the message.
    """
    if not _is_success(response):
        raise _from_status(response)


def _is_success(response: HttpResponse) -> bool:
    return HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES


def _from_status(response: HttpResponse) -> OTPError:
    """Return the error of a status outside of 2xx."""
    status = response.status
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return _with_details(ProviderUnavailable(), response, {})
    if status in _MOVED_STATUSES:
        return DeliveryFailed(retry_elsewhere=True)
    is_rejection = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    if is_rejection and status not in _UNKNOWN_STATUSES:
        return DeliveryFailed(retry_elsewhere=True)
    return DeliveryUnconfirmed()


def _with_details(
    error: OTPError, response: HttpResponse, document: Mapping[str, object]
) -> OTPError:
    """Return *error*, with the code of the gateway and the time to wait."""
    error.provider_error = error_codes.parse(document.get("code"))
    if isinstance(error, ProviderUnavailable):
        text = str(document.get("retry_after", response.header("Retry-After")))
        error.retry_after = _DEFAULT_RETRY_AFTER
        if _SECONDS.fullmatch(text):
            seconds = timedelta(seconds=max(1, int(text)))
            error.retry_after = min(seconds, _MAX_RETRY_AFTER)
    return error


def _parse_message_id(value: object) -> str | None:
    """Parse the id of a message; many gateways have numbers."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    text = str(value)
    return text if _MESSAGE_ID.fullmatch(text) else None


def _parse_object(body: bytes) -> dict[str, object]:
    """Return the JSON object of an answer; an empty one if it has none."""
    try:
        document = json.loads(body.decode())
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
