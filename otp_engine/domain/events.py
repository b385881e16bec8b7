"""What happened, as values for whoever watches; no code, and no number in full."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from otp_engine.domain.phone import PhoneNumber
from otp_engine.domain.verification import Channel

_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeSent:
    """A carrier has accepted a message, or may have.

    Attributes:
        verification: Its id, 16 bytes.
        attempt: This send's token, 8 bytes.
        service: The sid of the service.
        phone: A keyed digest of the number.
        prefix: The beginning of the number, which tells a region or a network, and no
            person.
        country: ISO 3166 code.
    """

    verification: bytes
    attempt: bytes
    service: str
    phone: str
    prefix: str
    country: str
    channel: Channel
    code_length: int
    locale: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """A verification was closed by its right code, or by a program that had seen it.

    Attributes:
        verification: Its id, 16 bytes.
    """

    verification: bytes


Event: TypeAlias = CodeSent | Approved
Watch: TypeAlias = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Happened:
    """An event, and when it was."""

    at: datetime
    event: Event


def prefix(number: PhoneNumber) -> str:
    """The calling code of a number, and three digits more; of a short one, fewer.

    With the end of it, as the log masks it, a thousand numbers are left or more.
    """
    national = number.e164.removeprefix(f"+{number.calling_code}")
    return f"+{number.calling_code}{national[: min(_SHOWN, len(national) // 3)]}"


def shown(prefix: str) -> str:
    """A number of which no more than the beginning is known."""
    return f"{prefix}*******"
