"""The values that a verification is told in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from otp_engine.domain.limits import Charge, Use
from otp_engine.domain.phone import PhoneNumber
from otp_engine.domain.service import DEFAULT, Service
from otp_engine.domain.wishes import ORDINARY, Wishes


class Channel(StrEnum):
    """How a code reaches the phone."""

    SMS = "sms"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A person asks for a code.

    Attributes:
        locale: BCP 47 tag of the language to write in; none is English.
        address: The person's network address, where it is known; see `addresses`.
        service: On whose behalf.
        code: A code that the caller brought; none is one of ours.
        charges: Limits of the caller's own that count this send as well. What they
            count by is given in plain, and digested before it is counted.
        trusted: Whether the number is served whatever its country is.
        wishes: How the message is to differ from an ordinary one.
        client: Name of the API key; none is an anonymous client.
        bind: Whether to start a bound verification: one that only its handle can
            check, send again or cancel.
        bound: Id of the bound verification to send again, 16 bytes.
    """

    number: PhoneNumber
    channel: Channel = Channel.SMS
    locale: str | None = None
    address: str | None = None
    service: Service = DEFAULT
    code: str | None = field(default=None, repr=False)
    charges: tuple[Charge, ...] = ()
    trusted: bool = False
    wishes: Wishes = ORDINARY
    client: str | None = None
    bind: bool = False
    bound: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """A person types a code.

    Attributes:
        code: As `codes.read` or `codes.read_custom` gives it.
        address: The person's network address, where it is known; see `addresses`.
        service: Whose verification it is.
        verification: The one that is meant, 16 bytes; none is whichever waits.
        bound: Id of the bound verification to check, 16 bytes.
        client: Name of the API key; none is an anonymous client.
    """

    number: PhoneNumber
    code: str = field(repr=False)
    address: str | None = None
    service: Service = DEFAULT
    verification: bytes | None = None
    bound: bytes | None = None
    client: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A message was handed over to a provider.

    Attributes:
        id: The verification, 16 bytes.
        token: This send, 8 bytes.
        expires_in: How long its code can be used.
        resend_after: How long until the rules for this phone let another one out.
        uses: How far each limit is used that counted it.
        confirmed: Whether the provider accepted it. Otherwise the provider did not
            answer: the message can still arrive, and its code works.
    """

    id: bytes = field(compare=False)
    token: bytes = field(compare=False)
    expires_in: timedelta
    resend_after: timedelta
    uses: Sequence[Use] = field(default=(), compare=False)
    confirmed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A guess has been looked at.

    Attributes:
        id: The verification, 16 bytes.
        approved: Whether it was right; the verification is then used up.
        attempts_left: Guesses that the phone's rules still allow, if it was wrong.
        expires_in: How long the last of the codes lives, if it was wrong.
        approved_at: When the verification was closed, by the store's clock, if it was
            right.
    """

    id: bytes = field(compare=False)
    approved: bool
    attempts_left: int = 0
    expires_in: timedelta = timedelta()
    approved_at: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A verification that can still be checked, or could be with a guess left.

    Attributes:
        id: The verification, 16 bytes.
        guesses: How many were paid for.
        expires_in: How long the last of its codes lives.
    """

    id: bytes
    guesses: int
    expires_in: timedelta


@dataclass(frozen=True, slots=True)
class Binding:
    """What all codes of one verification are hashed with.

    They share a salt, the id, which is what lets a guess cost one hash, however many
    codes are out.

    Attributes:
        id: 16 random bytes that name the verification, and no other.
        cost: Argon2id's cost, as `hashing.Cost` writes it.
    """

    id: bytes
    cost: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The store has reserved one send.

    Attributes:
        resend_after: How long until the next send would be let through.
        uses: How far the phone's limit of messages is used, with this one.
    """

    binding: Binding
    resend_after: timedelta
    uses: Sequence[Use] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The store has been paid one guess, and says what it must match.

    Attributes:
        tags: The hash of every code that is still alive, at least one.
        attempts_left: Guesses left after this one.
        expires_in: How long the last of the codes lives.
    """

    binding: Binding
    tags: tuple[bytes, ...] = field(repr=False)
    attempts_left: int
    expires_in: timedelta
