"""The requests, results and reservations of a verification."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from otp_engine.domain.limits.limits import LimitHit, WindowUsage
from otp_engine.domain.messages.options import DEFAULT_OPTIONS, MessageOptions
from otp_engine.domain.phones.numbers import PhoneNumber
from otp_engine.domain.services import DEFAULT, Service


class Channel(StrEnum):
    """How a code reaches the phone."""

    SMS = "sms"


@dataclass(frozen=True, slots=True, kw_only=True)
class SendRequest:
    """The request to send a code.

    Attributes:
        locale: BCP 47 tag of the language of the message; None is English.
        address: The recipient's network address, where it is known; see `addresses`.
        service: The service that sends.
        code: A code of the client's own; None generates one.
        charges: The client's own limits that also count this send. Their identifiers
            are in plain text, and pseudonymized before they are counted.
        trusted: Whether the number is allowed whatever its country is.
        wishes: How the message differs from the default.
        client: Name of the API key; None is an anonymous client.
        bind: Whether to start a bound verification: one that only its handle can
            check, send again or cancel.
        bound: Id of the bound verification to send again, 16 bytes.
    """

    number: PhoneNumber
    channel: Channel = Channel.SMS
    locale: str | None = None
    client_ip: str | None = None
    service: Service = DEFAULT
    custom_code: str | None = field(default=None, repr=False)
    extra_hits: tuple[LimitHit, ...] = ()
    geo_exempt: bool = False
    options: MessageOptions = DEFAULT_OPTIONS
    client: str | None = None
    bind: bool = False
    bound_id: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRequest:
    """The request to check a code.

    Attributes:
        code: As `codes.read` or `codes.read_custom` returns it.
        address: The recipient's network address, where it is known; see `addresses`.
        service: The service of the verification.
        verification: Id of the verification, 16 bytes; None is the pending one.
        bound: Id of the bound verification to check, 16 bytes.
        client: Name of the API key; None is an anonymous client.
    """

    number: PhoneNumber
    code: str = field(repr=False)
    client_ip: str | None = None
    service: Service = DEFAULT
    verification_id: bytes | None = None
    bound_id: bytes | None = None
    client: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SendResult:
    """A message was handed over to a provider.

    Attributes:
        id: Id of the verification, 16 bytes.
        token: Id of this send, 8 bytes.
        expires_in: How long its code can be used.
        resend_after: How long until the rules of this phone allow another send.
        uses: Usage of each limit that counted it.
        confirmed: Whether the provider accepted it. Otherwise the provider did not
            answer: the message can still arrive, and its code works.
    """

    verification_id: bytes = field(compare=False)
    send_id: bytes = field(compare=False)
    expires_in: timedelta
    resend_after: timedelta
    limit_usage: Sequence[WindowUsage] = field(default=(), compare=False)
    confirmed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """The result of a check.

    Attributes:
        id: Id of the verification, 16 bytes.
        approved: Whether the code was right; the verification is then closed.
        attempts_left: Checks that the phone's rules still allow, if it was wrong.
        expires_in: How long the last of the codes lives, if it was wrong.
        approved_at: When the verification was closed, by the store's clock, if it was
            right.
    """

    verification_id: bytes = field(compare=False)
    approved: bool
    attempts_remaining: int = 0
    expires_in: timedelta = timedelta()
    approved_at: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingVerification:
    """A verification that has a live code, with or without checks left.

    Attributes:
        id: Id of the verification, 16 bytes.
        guesses: Checks that were counted.
        expires_in: How long the last of its codes lives.
    """

    verification_id: bytes
    attempts_used: int
    expires_in: timedelta


@dataclass(frozen=True, slots=True)
class HashParameters:
    """The hash parameters of all codes of one verification.

    The codes share a salt, the id, so that a check costs one hash for all of them.

    Attributes:
        id: 16 random bytes that name the verification, and no other.
        cost: Argon2id's cost, as `Argon2Parameters` writes it.
    """

    salt: bytes
    argon2: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SendReservation:
    """The store has reserved one send.

    Attributes:
        resend_after: How long until the next send is allowed.
        uses: Usage of the phone's limit of messages, with this one.
    """

    hash_parameters: HashParameters
    resend_after: timedelta
    limit_usage: Sequence[WindowUsage] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReservation:
    """The store has reserved one check.

    Attributes:
        tags: The hash of every code that is still live, at least one.
        attempts_left: Checks left after this one.
        expires_in: How long the last of the codes lives.
    """

    hash_parameters: HashParameters
    code_hashes: tuple[bytes, ...] = field(repr=False)
    attempts_remaining: int
    expires_in: timedelta
