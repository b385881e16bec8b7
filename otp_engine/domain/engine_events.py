"""Build the events that the engine emits."""

from __future__ import annotations

from otp_engine.domain import messages
from otp_engine.domain.events import (
    Action,
    Approved,
    CodeSent,
    Event,
    Exhausted,
    NothingWaiting,
    RequestRefused,
    Undelivered,
    Unserved,
    WrongCode,
)
from otp_engine.domain.verification import Asked, Channel, Checked, Sent
from otp_engine.domain.whom import Whom
from otp_engine.errors import (
    CarrierUnavailable,
    OTPError,
    RateLimited,
    Saturated,
    SendingOff,
    StoreUnavailable,
    TooManyAttempts,
    Unavailable,
    VerificationNotFound,
)

_REASONS: dict[type[OTPError], str] = {
    StoreUnavailable: "store",
    CarrierUnavailable: "carrier",
    Saturated: "saturated",
    SendingOff: "sending_off",
}


def of_failure(action: Action, whom: Whom, error: OTPError) -> Event:
    """Return the event of a request that failed before a provider was called.

    Args:
        action: The kind of the request.
        whom: The recipient.
        error: Raised by a rule of this service, or because Redis, the sender or this
            instance could not serve the request.
    """
    match error:
        case OTPError(remembered=True):
            return RequestRefused(whom=whom, action=action, limit="provider_refusal")
        case VerificationNotFound():
            return NothingWaiting(whom=whom)
        case Unavailable():
            return of_unavailable(action, whom, error)
        case RateLimited():
            return RequestRefused(whom=whom, action=action, limit=error.limit)
        case TooManyAttempts():
            return RequestRefused(whom=whom, action=action, limit="max_checks")
        case _:
            return RequestRefused(whom=whom, action=action, limit=error.name)


def of_unavailable(action: Action, whom: Whom, error: Unavailable) -> Unserved:
    """Return the event of a request that could not be served."""
    reason = _REASONS.get(type(error), "other")
    return Unserved(whom=whom, action=action, why=reason)


def of_rejected_message(request: Asked, whom: Whom, error: OTPError) -> Event:
    """Return the event of a message that was not accepted.

    Args:
        request: The send.
        whom: The recipient.
        error: Raised by the sender when the message was handed over.
    """
    if isinstance(error, Unavailable):
        return of_unavailable(Action.SEND, whom, error)
    return Undelivered(
        whom=whom,
        channel=request.channel,
        error=error.name,
        carrier_error=error.carrier_error,
    )


def of_sent(request: Asked, whom: Whom, sent: Sent, code: str) -> CodeSent:
    """Return the event of a message with *code* that was handed over."""
    return CodeSent(
        whom=whom,
        verification=sent.id,
        attempt=sent.token,
        service=request.service.sid,
        channel=request.channel,
        code_length=len(code),
        locale=_language(request.locale),
        confirmed=sent.confirmed,
    )


def of_checked(whom: Whom, checked: Checked) -> list[Event]:
    """Return the events of a check that was compared."""
    if checked.approved:
        # SMS is the only channel.
        return [Approved(whom=whom, verification=checked.id, channel=Channel.SMS)]
    left = checked.attempts_left
    wrong = WrongCode(whom=whom, verification=checked.id, attempts_left=left)
    return [wrong] if left else [wrong, Exhausted(whom=whom, verification=checked.id)]


def _language(locale: str | None) -> str | None:
    """Return the language of a message, if it has a text in that language.

    No other part of a client's text is recorded.
    """
    language = messages.language_of(locale)
    return language if locale and language in messages.LOCALES else None
