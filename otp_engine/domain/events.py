"""What happened, as values for whoever watches; no code, and no number in full."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from otp_engine.domain.pepper import Pepper
from otp_engine.domain.phone import PhoneNumber
from otp_engine.domain.receipts import Receipt
from otp_engine.domain.verification import Channel
from otp_engine.domain.whom import Whom


class Action(StrEnum):
    """What somebody asked for."""

    SEND = "send"
    CHECK = "check"


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeSent:
    """A carrier has accepted a message, or may have.

    Attributes:
        verification: Its id, 16 bytes.
        attempt: This send's token, 8 bytes.
        service: The sid of the service.
        confirmed: Whether the carrier said that it has; otherwise it said nothing.
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
    """A carrier reports that a message has reached its phone."""

    whom: Whom
    channel: Channel


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """A carrier reports that a message, which it had accepted, will not arrive.

    Attributes:
        carrier_error: The carrier's own number for why, if it said one.
    """

    whom: Whom
    channel: Channel
    carrier_error: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Undelivered:
    """A carrier has refused a message, so that the send was given back.

    Attributes:
        error: The name of what it came to for the caller.
        carrier_error: The carrier's own number for it, if it has one.
    """

    whom: Whom
    channel: Channel
    error: str
    carrier_error: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """A verification was closed by its right code, or by a program that had seen it.

    Attributes:
        verification: Its id, 16 bytes.
    """

    whom: Whom
    verification: bytes
    channel: Channel


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongCode:
    """A guess was looked at, and was wrong.

    Attributes:
        verification: Its id, 16 bytes.
        attempts_left: Guesses that the phone's rules still allow.
    """

    whom: Whom
    verification: bytes
    attempts_left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhausted:
    """The last guess was wrong: the codes that are out are worth nothing any more.

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
    """A code was typed for a phone that waits for none."""

    whom: Whom


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRefused:
    """A rule said no, or would have.

    Attributes:
        limit: Its name in the policy; or `country_not_allowed`,
            `number_type_not_allowed`, `provider_refusal` for a number that a provider
            refused some minutes ago, or the name of a limit of the caller's own.
        shadow: Whether it only would have: the request went on.
    """

    whom: Whom
    action: Action
    limit: str
    shadow: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Unserved:
    """The service could not do what it was asked.

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
    """An event, and when it was."""

    at: datetime
    event: Event


def reported(receipt: Receipt, number: PhoneNumber, pepper: Pepper) -> Event:
    """Tell what a carrier reports of a message to *number*."""
    whom = Whom.of(number, pepper)
    if receipt.arrived:
        return Delivered(whom=whom, channel=Channel.SMS)
    error = receipt.carrier_error
    return Lost(whom=whom, channel=Channel.SMS, carrier_error=error)
