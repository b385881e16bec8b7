"""Maps Twilio's error codes to the errors of this package.

The codes are documented at https://www.twilio.com/docs/api/errors. The same code can
come in the response to a request, or later in a delivery report.

A rejection by a channel beside text messages rarely concerns the number as such: a
number without WhatsApp has text messages. Its error then permits the next step of the
route, and no rejection of the number is stored.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from http import HTTPStatus

from otp_engine.domain.models import Channel
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

_CODE = re.compile(r"[0-9]{1,9}", re.ASCII)

# Twilio gives no time to wait. Error 14107 counts messages in windows of 30 seconds.
_THROTTLE_PERIOD = timedelta(seconds=30)

Create = Callable[[], OTPError]
_throttled: Create = partial(ProviderUnavailable, retry_after=_THROTTLE_PERIOD)
_recipient_rejected: Create = partial(DeliveryFailed, retry_elsewhere=False)
_next_step: Create = partial(DeliveryFailed, retry_elsewhere=True)

# Of 21201, the number is missing.
_INVALID_NUMBERS = dict.fromkeys((21201, 21211, 21217), InvalidPhone)
_THROTTLED: dict[int, Create] = {
    14107: _throttled,  # more than 30 messages between two numbers in 30 s
    20429: ProviderUnavailable,  # too many concurrent requests; not processed
    21611: _throttled,  # the sender's queue is full
}
_SMS: dict[int, Create] = {
    **_INVALID_NUMBERS,
    **_THROTTLED,
    21214: InvalidPhone,  # cannot be reached
    21265: InvalidPhone,  # a short code
    21215: CountryNotAllowed,  # geo permissions of the account
    21408: CountryNotAllowed,  # the same
    21610: RecipientOptedOut,
    21614: NumberTypeNotAllowed,  # not a mobile number
    21635: NumberTypeNotAllowed,  # a landline
    30003: _recipient_rejected,  # switched off, or without coverage
    30004: _recipient_rejected,  # blocked
    30005: InvalidPhone,  # unknown
    30006: NumberTypeNotAllowed,  # a landline, or an unreachable network
    30450: _recipient_rejected,  # SMS pumping protection
    30453: _recipient_rejected,
}
_NOT_ON_WHATSAPP = frozenset({63003, 63024})
_WHATSAPP: dict[int, Create] = {
    **_INVALID_NUMBERS,
    **_THROTTLED,
    **dict.fromkeys(_NOT_ON_WHATSAPP, RecipientNotOnChannel),
    63017: _throttled,
    63018: _throttled,
}
_CALLS: dict[int, Create] = {
    **_INVALID_NUMBERS,
    **_THROTTLED,
    10004: ProviderUnavailable,  # too many calls at once
    21202: RecipientNotOnChannel,  # a premium number
    21214: RecipientNotOnChannel,  # cannot be reached
}
_ERRORS = {
    Channel.SMS: _SMS,
    Channel.WHATSAPP: _WHATSAPP,
    Channel.CALL: _CALLS,
}

# The recipient, the mobile network or WhatsApp is the cause, and no operator can act.
# Every other code that permits the next step is for the operator.
_NOT_FOR_OPERATOR = frozenset(
    {
        *_NOT_ON_WHATSAPP,
        *(63009, 63010, 63012),  # WhatsApp failed
        63013,  # a rule of WhatsApp
        63014,  # the recipient has blocked the sender
        63032,  # an experiment of Meta
        63033,  # the recipient has opted out
        63049,  # WhatsApp limits messages to the recipient
        *(63017, 63018),  # throttled
        *(63035, 63036, 63106),  # without RCS
        *(21202, 21214),  # calls: a number that cannot be called
        21216,  # calls: blocked by Twilio
        32016,  # calls: the network took more than a minute to connect
    }
)
_TEMPLATES = frozenset(
    {
        *(21654, 21655, 21656),  # the SID of the template, or its variables
        *(92002, 92005, 92006, 92007),  # the variables
        *(63005, 63021),  # the content
        *(63016, 63027, 63028),  # none, not in this language, other variables
        *(63040, 63041, 63042, 63046),  # rejected, paused, disabled, to be paused
    }
)
_ACCOUNT = frozenset(
    {
        10001,  # the account is not active
        10005,  # calls are off
        *(63001, 63007, 63020, 63111),  # the sender on WhatsApp
        63015,  # the sandbox: the recipient has not joined it
        63038,  # the messages of a day
        *(63051, 63112),  # WhatsApp has locked the account
        *(21703, 21704),  # the Messaging Service has no sender
        *(13227, 21203, 21215),  # calls to the country are off
        *(21210, 21212, 21213, 32017),  # the number that calls
        21219,  # a trial account
    }
)
_TWIML = frozenset(
    {
        *(12100, 12200),  # the document
        *(13511, 13520, 13521),  # a voice that does not speak the language
        32018,  # the document is too long
    }
)


def parse_code(value: object) -> int | None:
    """Parse an error code, which Twilio documents as a number.

    Args:
        value: The code of a response or of a delivery report, as a number or as text.

    Returns:
        The code; None if *value* is neither.
    """
    text = str(value)
    return int(text) if _CODE.fullmatch(text) else None


def to_error(status: int, code: int | None, channel: Channel = Channel.SMS) -> OTPError:
    """Return the error that corresponds to a rejection by Twilio.

    A server error is no rejection: Twilio does not document that the message was not
    sent. A rejection with another code concerns the account or the sender. The operator
    must act, and another sender may succeed.

    Args:
        status: HTTP status of the response.
        code: Twilio's error code; None if the response has none.
        channel: The channel of the message.

    Returns:
        A new error, with *code* as its `provider_error`.
    """
    error = _create_error(status, code, channel)
    error.provider_error = code or None
    return error


def from_failed_message(code: int | None, channel: Channel = Channel.SMS) -> OTPError:
    """Return the error of a message that Twilio accepted and could not deliver at once.

    Args:
        code: The error code of the message; None if it has none.
        channel: The channel of the message.

    Returns:
        A new error, with *code* as its `provider_error`.
    """
    default = _recipient_rejected if channel is Channel.SMS else _next_step
    error = _ERRORS[channel].get(code or 0, default)()
    error.provider_error = code or None
    return error


def is_not_on_channel(code: int | None) -> bool:
    """Return whether *code* reports that the recipient does not use the channel."""
    return code in _NOT_ON_WHATSAPP


def is_unspoken(code: int | None) -> bool:
    """Return whether *code* reports that Twilio could not speak the text of a call."""
    return code in _TWIML


def needs_operator(error: OTPError) -> bool:
    """Return whether a rejection will happen again until the operator acts."""
    return (
        isinstance(error, DeliveryFailed)
        and error.retry_elsewhere
        and error.provider_error not in _NOT_FOR_OPERATOR
    )


def operator_hint(code: int | None) -> str | None:
    """Return what the operator corrects after a failure with *code*.

    Args:
        code: Twilio's error code; None if the failure has none.

    Returns:
        The end of a log line; None if the code is not known to need an operator.
    """
    if code in _TEMPLATES:
        return "check the template in TWILIO_WHATSAPP_CONTENT"
    if code in _TWIML:
        return "check the voice in TWILIO_CALL_VOICES, and the text of calls"
    if code in _ACCOUNT:
        return "check the account and its senders at Twilio"
    return None


def _create_error(status: int, code: int | None, channel: Channel) -> OTPError:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return DeliveryUnconfirmed()
    if create_error := _ERRORS[channel].get(code or 0):
        return create_error()
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return ProviderUnavailable()
    return DeliveryFailed(retry_elsewhere=True)
