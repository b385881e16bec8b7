"""Events, as values without codes and full numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.phone import PhoneNumber
from otp_engine.domain.receipts import Receipt
from otp_engine.domain.verification import Channel
from otp_engine.domain.whom import Whom


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

    whom: Whom
    verification: bytes
    attempt: bytes
    service: str
    channel: Channel
    code_length: int
    locale: str | None
    confirmed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """A provider reports that a message has reached its phone."""

    whom: Whom
    channel: Channel


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """A provider reports that a message, which it had accepted, will not arrive.

    Attributes:
        carrier_error: The provider's error code, if it reported one.
    """

    whom: Whom
    channel: Channel
    carrier_error: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Undelivered:
    """A provider has rejected a message, so the send was released.

    Attributes:
        error: The name of the error that the client got.
        carrier_error: The provider's error code, if it has one.
    """

    whom: Whom
    channel: Channel
    error: str
    carrier_error: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """A verification was closed by its right code, or by a client that saw it.

    Attributes:
        verification: Its id, 16 bytes.
    """

    whom: Whom
    verification: bytes
    channel: Channel


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongCode:
    """A check failed: the code was wrong.

    Attributes:
        verification: Its id, 16 bytes.
        attempts_left: Checks that the phone's rules still allow.
    """

    whom: Whom
    verification: bytes
    attempts_left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhausted:
    """The last check failed, so no code of the verification works any longer.

    Attributes:
        verification: Its id, 16 bytes.
    """

    whom: Whom
    verification: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Canceled:
    """A verification was closed without a code.

    Attributes:
        verification: Its id, 16 bytes.
    """

    whom: Whom
    verification: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class NothingWaiting:
    """A check found no pending verification."""

    whom: Whom


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRefused:
    """A rule rejected a request, or would have.

    Attributes:
        limit: The name of the rule in the policy; or `country_not_allowed`,
            `number_type_not_allowed`, `provider_refusal` for a number that a provider
            rejected some minutes ago, or the name of a client's own limit.
        shadow: Whether the rule is in shadow mode, so that the request went on.
    """

    whom: Whom
    action: Action
    limit: str
    shadow: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Unserved:
    """A request could not be served.

    Attributes:
        why: `store`, `carrier`, `saturated`, `sending_off`, or `other`.
    """

    whom: Whom
    action: Action
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChanged:
    """An operator has changed the policy.

    Attributes:
        version: Its version since.
        who: The user and the machine that it was changed from.
        change: What is different, as `name = value; name = value`.
    """

    version: int
    who: str
    change: str
    reason: str | None


Event: TypeAlias = (
    CodeSent
    | Delivered
    | Lost
    | Undelivered
    | Approved
    | WrongCode
    | Exhausted
    | Canceled
    | NothingWaiting
    | RequestRefused
    | Unserved
    | PolicyChanged
)
EventListener: TypeAlias = Callable[[Event], None]
"""Receives each event after it has happened; it must not raise."""


def ignore_event(_event: Event) -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class Happened:
    """An event, and the time at which it happened."""

    at: datetime
    event: Event


def reported(receipt: Receipt, number: PhoneNumber, pepper: Pepper) -> Event:
    """Return the event of a delivery report on a message to *number*."""
    whom = Whom.of(number, pepper)
    if receipt.arrived:
        return Delivered(whom=whom, channel=Channel.SMS)
    error = receipt.carrier_error
    return Lost(whom=whom, channel=Channel.SMS, carrier_error=error)
