"""Build the events that the engine emits."""

from __future__ import annotations

from otp_engine.domain.events import (
    Action,
    CheckFailed,
    CheckNotFound,
    CodeSent,
    Event,
    MaxAttemptsReached,
    RequestFailed,
    RequestRefused,
    SendRejected,
    VerificationApproved,
)
from otp_engine.domain.messages import templates
from otp_engine.domain.models import Channel, CheckResult, SendRequest, SendResult
from otp_engine.domain.recipients import Recipient
from otp_engine.errors import (
    OTPError,
    Overloaded,
    ProviderUnavailable,
    RateLimited,
    SendingDisabled,
    StoreUnavailable,
    TooManyAttempts,
    Unavailable,
    VerificationNotFound,
)

_REASONS: dict[type[OTPError], str] = {
    StoreUnavailable: "store",
    ProviderUnavailable: "provider",
    Overloaded: "overloaded",
    SendingDisabled: "sending_disabled",
}


def failure_event(action: Action, whom: Recipient, error: OTPError) -> Event:
    """Return the event of a request that failed before a provider was called.

    Args:
        action: The kind of the request.
        whom: The recipient.
        error: Raised by a rule of this service, or because Redis, the sender or this
            instance could not serve the request.
    """
    match error:
        case OTPError(is_stored_rejection=True):
            return RequestRefused(
                recipient=whom, action=action, limit="provider_refusal"
            )
        case VerificationNotFound():
            return CheckNotFound(recipient=whom)
        case Unavailable():
            return unavailable_event(action, whom, error)
        case RateLimited():
            return RequestRefused(recipient=whom, action=action, limit=error.limit)
        case TooManyAttempts():
            return RequestRefused(recipient=whom, action=action, limit="max_checks")
        case _:
            return RequestRefused(recipient=whom, action=action, limit=error.error_code)


def unavailable_event(
    action: Action, whom: Recipient, error: Unavailable
) -> RequestFailed:
    """Return the event of a request that could not be served."""
    reason = _REASONS.get(type(error), "other")
    return RequestFailed(recipient=whom, action=action, reason=reason)


def rejected_message_event(
    request: SendRequest, whom: Recipient, error: OTPError
) -> Event:
    """Return the event of a message that was not accepted.

    Args:
        request: The send.
        whom: The recipient.
        error: Raised by the sender when the message was handed over.
    """
    if isinstance(error, Unavailable):
        return unavailable_event(Action.SEND, whom, error)
    return SendRejected(
        recipient=whom,
        channel=request.channel,
        error=error.error_code,
        provider_error=error.provider_error,
    )


def sent_event(
    request: SendRequest, whom: Recipient, sent: SendResult, code: str
) -> CodeSent:
    """Return the event of a message with *code* that was handed over."""
    return CodeSent(
        recipient=whom,
        verification_id=sent.verification_id,
        send_id=sent.send_id,
        service=request.service.sid,
        channel=request.channel,
        code_length=len(code),
        locale=_language(request.locale),
        confirmed=sent.confirmed,
    )


def check_events(whom: Recipient, checked: CheckResult) -> list[Event]:
    """Return the events of a check that was compared."""
    if checked.approved:
        # SMS is the only channel.
        return [
            VerificationApproved(
                recipient=whom,
                verification_id=checked.verification_id,
                channel=Channel.SMS,
            )
        ]
    left = checked.attempts_remaining
    wrong = CheckFailed(
        recipient=whom, verification_id=checked.verification_id, attempts_remaining=left
    )
    return (
        [wrong]
        if left
        else [
            wrong,
            MaxAttemptsReached(recipient=whom, verification_id=checked.verification_id),
        ]
    )


def _language(locale: str | None) -> str | None:
    """Return the language of a message, if it has a text in that language.

    No other part of a client's text is recorded.
    """
    language = templates.language_of(locale)
    return language if locale and language in templates.LOCALES else None
