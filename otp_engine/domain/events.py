"""Events, as values without codes and full numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.messages.delivery_reports import DeliveryReport
from otp_engine.domain.models import Channel
from otp_engine.domain.phones.numbers import PhoneNumber
from otp_engine.domain.recipients import Recipient


class Action(StrEnum):
    """The kind of a request."""

    SEND = "send"
    CHECK = "check"


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeSent:
    """A provider has accepted a message, or may have.

    Attributes:
        verification: Its id, 16 bytes.
        attempt: The token of this send, 8 bytes.
        service: The sid of the service.
        confirmed: Whether the provider accepted it; otherwise it did not answer.
    """

    recipient: Recipient
    verification_id: bytes
    send_id: bytes
    service: str
    channel: Channel
    code_length: int
    locale: str | None
    confirmed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageDelivered:
    """A provider reports that a message has reached its phone."""

    recipient: Recipient
    channel: Channel


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageUndelivered:
    """A provider reports that a message, which it had accepted, will not arrive.

    Attributes:
        carrier_error: The provider's error code, if it reported one.
    """

    recipient: Recipient
    channel: Channel
    provider_error: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SendRejected:
    """A provider has rejected a message, so the send was released.

    Attributes:
        error: The name of the error that the client got.
        carrier_error: The provider's error code, if it has one.
    """

    recipient: Recipient
    channel: Channel
    error: str
    provider_error: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationApproved:
    """A verification was closed by its right code, or by a client that saw it.

    Attributes:
        verification: Its id, 16 bytes.
    """

    recipient: Recipient
    verification_id: bytes
    channel: Channel


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckFailed:
    """A check failed: the code was wrong.

    Attributes:
        verification: Its id, 16 bytes.
        attempts_left: Checks that the phone's rules still allow.
    """

    recipient: Recipient
    verification_id: bytes
    attempts_remaining: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxAttemptsReached:
    """The last check failed, so no code of the verification works any longer.

    Attributes:
        verification: Its id, 16 bytes.
    """

    recipient: Recipient
    verification_id: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationCanceled:
    """A verification was closed without a code.

    Attributes:
        verification: Its id, 16 bytes.
    """

    recipient: Recipient
    verification_id: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckNotFound:
    """A check found no pending verification."""

    recipient: Recipient


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRefused:
    """A rule rejected a request, or would have.

    Attributes:
        limit: The name of the rule in the policy; or `country_not_allowed`,
            `number_type_not_allowed`, `provider_refusal` for a number that a provider
            rejected some minutes ago, or the name of a client's own limit.
        shadow: Whether the rule is in shadow mode, so that the request went on.
    """

    recipient: Recipient
    action: Action
    limit: str
    shadow: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFailed:
    """A request could not be served.

    Attributes:
        why: `store`, `carrier`, `saturated`, `sending_off`, or `other`.
    """

    recipient: Recipient
    action: Action
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChanged:
    """An operator has changed the policy.

    Attributes:
        version: Its version since.
        who: The user and the machine that it was changed from.
        change: What is different, as `name = value; name = value`.
    """

    version: int
    author: str
    change: str
    reason: str | None


Event: TypeAlias = (
    CodeSent
    | MessageDelivered
    | MessageUndelivered
    | SendRejected
    | VerificationApproved
    | CheckFailed
    | MaxAttemptsReached
    | VerificationCanceled
    | CheckNotFound
    | RequestRefused
    | RequestFailed
    | PolicyChanged
)
EventListener: TypeAlias = Callable[[Event], None]
"""Receives each event after it has happened; it must not raise."""


def ignore_event(_event: Event) -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """An event, and the time at which it happened."""

    occurred_at: datetime
    event: Event


def event_from_report(
    receipt: DeliveryReport, number: PhoneNumber, pepper: Pepper
) -> Event:
    """Return the event of a delivery report on a message to *number*."""
    whom = Recipient.from_number(number, pepper)
    if receipt.delivered:
        return MessageDelivered(recipient=whom, channel=Channel.SMS)
    error = receipt.provider_error
    return MessageUndelivered(recipient=whom, channel=Channel.SMS, provider_error=error)
