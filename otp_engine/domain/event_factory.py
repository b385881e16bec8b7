"""Build the events that the engine emits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from otp_engine.domain.deliveries import TrackedDelivery
from otp_engine.domain.events import (
    Action,
    BudgetReached,
    CheckFailed,
    CheckNotFound,
    CodeSent,
    Event,
    LimitNear,
    MaxAttemptsReached,
    PlaceSuspended,
    RequestRefused,
    RequestUnavailable,
    SendRejected,
    VerificationApproved,
)
from otp_engine.domain.limits import durations
from otp_engine.domain.limits.limits import WindowUsage
from otp_engine.domain.messages.templates import Message
from otp_engine.domain.models import (
    Channel,
    CheckResult,
    DestinationUsage,
    SendRequest,
    SendResult,
)
from otp_engine.domain.money.budget import BudgetUsage
from otp_engine.domain.pumping_guard.rules import GuardUsage, Suspension
from otp_engine.domain.recipients import PseudonymousRecipient
from otp_engine.domain.send_facts import SendFacts
from otp_engine.errors import (
    BudgetExceeded,
    DestinationSuspended,
    FactorsUnreadable,
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

PUMPING_GUARD = "pumping_guard"
"""The name of the rule that refuses sends to suspended places."""

# Enough to see how far a place is over its number; the count itself halves in a day.
_UNPROVEN_DIGITS = 2
_REASONS: dict[type[OTPError], str] = {
    StoreUnavailable: "store",
    FactorsUnreadable: "factor_key",
    ProviderUnavailable: "provider",
    Overloaded: "overloaded",
    SendingDisabled: "sending_disabled",
}


def failed_send_events(
    request: SendRequest,
    recipient: PseudonymousRecipient,
    error: OTPError,
    facts: SendFacts,
) -> list[Event]:
    """Return the events of a send that failed before its message was delivered.

    Args:
        request: The send.
        recipient: The recipient.
        error: As for `failed_check_event`.
        facts: What the send was counted by.
    """
    event = _failure_event(Action.SEND, recipient, error)
    match event:
        case RequestRefused():
            event = replace(event, channel=request.channel, facts=facts)
        case RequestUnavailable():
            event = replace(event, facts=facts)
    if isinstance(error, DestinationSuspended) and error.is_new:
        started = suspended_event(Suspension.from_error(error), shadow=False)
        return [started, event]
    if isinstance(error, BudgetExceeded):
        return [*budget_levels(error.usage, request.address.country), event]
    return [event]


def failed_check_event(recipient: PseudonymousRecipient, error: OTPError) -> Event:
    """Return the event of a check that failed before its code was compared.

    Args:
        recipient: The recipient.
        error: A refusal by a rule of this service; or the failure of Redis, of the
            sender or of this instance.
    """
    return _failure_event(Action.CHECK, recipient, error)


def _failure_event(
    action: Action, recipient: PseudonymousRecipient, error: OTPError
) -> Event:
    match error:
        case VerificationNotFound():
            return CheckNotFound(recipient=recipient)
        case Unavailable():
            return _unavailable_event(action, recipient, error)
        case OTPError(is_stored_rejection=True):
            limit = "provider_refusal"
        case RateLimited():
            limit = error.limit
        case TooManyAttempts():
            limit = "max_checks"
        case DestinationSuspended():
            limit = PUMPING_GUARD
        case _:
            limit = error.rule or error.error_code
    return RequestRefused(recipient=recipient, action=action, limit=limit)


def rejection_event(
    recipient: PseudonymousRecipient,
    error: OTPError,
    facts: SendFacts,
    channel: Channel,
) -> Event:
    """Return the event of a message that no provider accepted.

    Args:
        recipient: The recipient.
        error: The error of the sender.
        facts: What the send was counted by.
        channel: The channel of the message.
    """
    if isinstance(error, Unavailable):
        event = _unavailable_event(Action.SEND, recipient, error)
        return replace(event, facts=facts)
    return SendRejected(
        recipient=recipient,
        channel=channel,
        error=error.error_code,
        provider_error=error.provider_error,
        provider=error.provider,
        facts=facts,
    )


def _unavailable_event(
    action: Action, recipient: PseudonymousRecipient, error: Unavailable
) -> RequestUnavailable:
    """Return the event of a request that could not be served."""
    return RequestUnavailable(
        recipient=recipient, action=action, reason=unavailable_reason(error)
    )


def unavailable_reason(error: Unavailable) -> str:
    """Return why a request could not be served, as its event has it."""
    return _REASONS.get(type(error), "other")


def sent_event(
    request: SendRequest,
    result: SendResult,
    message: Message,
    delivery: TrackedDelivery,
    facts: SendFacts,
) -> CodeSent:
    """Return the event of a *message* that a provider may have accepted.

    Args:
        request: The send.
        result: Its result.
        message: The message.
        delivery: The delivery of the message.
        facts: What the send was counted by.
    """
    return CodeSent(
        recipient=delivery.recipient,
        verification_id=result.verification_id,
        send_id=result.send_id,
        service=request.service.sid,
        channel=message.channel,
        code_length=len(message.code),
        locale=message.language,
        confirmed=result.confirmed,
        provider=delivery.provider,
        delivery_id=delivery.delivery_id,
        expires_at=delivery.expires_at,
        has_fallback=delivery.has_fallback,
        is_fallback=delivery.is_fallback,
        facts=facts,
    )


def shadow_refusals(
    action: Action, recipient: PseudonymousRecipient, usage: Sequence[WindowUsage]
) -> list[Event]:
    """Return the events of limits in shadow mode that would have refused a request."""
    limits = sorted({window.limit_name for window in usage if window.would_refuse})
    return [
        RequestRefused(recipient=recipient, action=action, limit=limit, shadow=True)
        for limit in limits
    ]


def suspended_event(suspension: Suspension, *, shadow: bool) -> PlaceSuspended:
    """Return the event of a suspension that a send has started.

    Args:
        suspension: The suspension.
        shadow: Whether the guard is in shadow mode.
    """
    return PlaceSuspended(
        level=suspension.level,
        prefix=suspension.prefix,
        country=suspension.country,
        unproven=round(suspension.unproven, _UNPROVEN_DIGITS),
        until=suspension.until,
        trips=suspension.trips,
        shadow=shadow,
    )


def destination_events(
    request: SendRequest,
    recipient: PseudonymousRecipient,
    usage: DestinationUsage,
    facts: SendFacts,
) -> list[Event]:
    """Return the events of what the guard and the budget did with a counted send.

    Args:
        request: The send.
        recipient: The recipient.
        usage: What they did.
        facts: What the send was counted by.
    """
    events: list[Event] = _guard_reports(usage.guard)
    would_refuse = [PUMPING_GUARD] if usage.guard.would_refuse else []
    if usage.budget:
        events += budget_levels(usage.budget, request.address.country)
        if usage.budget.would_refuse:
            would_refuse.append(usage.budget.would_refuse)
    return events + [
        RequestRefused(
            recipient=recipient,
            action=Action.SEND,
            limit=limit,
            shadow=True,
            channel=request.channel,
            facts=facts,
        )
        for limit in would_refuse
    ]


def budget_levels(usage: BudgetUsage, country: str) -> list[Event]:
    """Return the events of the levels that a message to *country* reached."""
    found = [
        ("", usage.level, usage.spent, usage.amount),
        (country, usage.country_level, usage.country_spent, usage.country_amount),
    ]
    return [
        BudgetReached(
            level=level,
            spent=spent,
            amount=amount or 0,
            currency=usage.currency,
            country=subject,
            shadow=usage.shadow,
        )
        for subject, level, spent, amount in found
        if level
    ]


def _guard_reports(guard: GuardUsage) -> list[Event]:
    """Return the events of places of the pumping guard."""
    events: list[Event] = [
        replace(pressure, unproven=round(pressure.unproven, _UNPROVEN_DIGITS))
        for pressure in guard.pressures
    ]
    if guard.suspension:
        events.append(suspended_event(guard.suspension, shadow=True))
    return events


def near_limit(usage: WindowUsage) -> LimitNear:
    """Return the event of a window that a request has nearly filled."""
    return LimitNear(
        limit=usage.limit_name,
        identifier=usage.identifier,
        used=usage.used,
        count=usage.window.count,
        period=durations.format_duration(usage.window.period),
    )


def check_events(recipient: PseudonymousRecipient, result: CheckResult) -> list[Event]:
    """Return the events of a check, after the comparison of its code."""
    verification_id = result.verification_id
    if result.approved:
        return [
            VerificationApproved(
                recipient=recipient,
                verification_id=verification_id,
                channel=result.channel or Channel.SMS,
            )
        ]
    left = result.attempts_remaining
    events: list[Event] = [
        CheckFailed(
            recipient=recipient,
            verification_id=verification_id,
            attempts_remaining=left,
        )
    ]
    if not left:
        events.append(
            MaxAttemptsReached(recipient=recipient, verification_id=verification_id)
        )
    return events
