"""The requests, results and reservations of a verification."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from otp_engine.domain import channels
from otp_engine.domain.addresses import Address
from otp_engine.domain.limits.limits import LimitHit, WindowUsage
from otp_engine.domain.messages.options import DEFAULT_OPTIONS, MessageOptions
from otp_engine.domain.money.budget import BudgetRules, BudgetUsage
from otp_engine.domain.pumping_guard.places import Destination
from otp_engine.domain.pumping_guard.rules import UNGUARDED, GuardRules, GuardUsage
from otp_engine.domain.services import DEFAULT, Service

Channel = channels.Channel


class Api(StrEnum):
    """The HTTP API of a request. The page `/verify` counts as `/auth`."""

    AUTH = "auth"
    V2 = "v2"


@dataclass(frozen=True, slots=True, kw_only=True)
class SendRequest:
    """The request to send a code.

    Attributes:
        address: The phone number or the e-mail address of the recipient.
        channel: How the code is sent; None lets the route decide.
        locale: BCP 47 tag of the language that the client requests; see
            `languages.select`.
        client_ip: The recipient's network address, where it is known; see
            `ip_networks.normalize`.
        service: The service that sends.
        custom_code: A code that the client chose; without it a code is generated.
        extra_hits: Hits of the client's own limits. Their identifiers are in plain
            text, and are pseudonymized before they are counted.
        geo_exempt: Whether the number is allowed whatever its country is.
        options: How the message differs from the default.
        client_name: Name of the API key; None for an anonymous client.
        bind: Whether to start a bound verification: one that only its handle can
            check, resend or cancel.
        bound_id: Id of the bound verification to resend, 16 bytes.
        api: The API that the client called; each has its own cooldown.
        vouched: Whether the client, which has an API key, vouches for the recipient.
    """

    address: Address
    channel: Channel | None = None
    locale: str | None = None
    client_ip: str | None = None
    service: Service = DEFAULT
    custom_code: str | None = field(default=None, repr=False)
    extra_hits: tuple[LimitHit, ...] = ()
    geo_exempt: bool = False
    options: MessageOptions = DEFAULT_OPTIONS
    client_name: str | None = None
    bind: bool = False
    bound_id: bytes | None = None
    api: Api = Api.AUTH
    vouched: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRequest:
    """The request to check a code.

    Attributes:
        address: The phone number or the e-mail address of the recipient.
        code: The code, as `codes.parse` or `codes.parse_custom` returns it.
        client_ip: The recipient's network address, where it is known; see
            `ip_networks.normalize`.
        service: The service of the verification.
        verification_id: Id of the verification, 16 bytes; without it the pending one.
        bound_id: Id of the bound verification to check, 16 bytes.
        client_name: Name of the API key; None for an anonymous client.
    """

    address: Address
    code: str = field(repr=False)
    client_ip: str | None = None
    service: Service = DEFAULT
    verification_id: bytes | None = None
    bound_id: bytes | None = None
    client_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SendResult:
    """The result of a send: a message that a provider may have accepted.

    Attributes:
        verification_id: Id of the verification, 16 bytes.
        send_id: Id of this send, 8 bytes.
        channel: The channel of the message.
        code_length: Number of characters of its code.
        expires_in: Time until its code expires.
        resend_after: Time until the rules of this phone allow another send.
        limit_usage: Usage of each window that counted the send.
        confirmed: Whether the provider accepted the message. Otherwise the provider did
            not answer: the message can still arrive, and its code works.
    """

    verification_id: bytes = field(compare=False)
    send_id: bytes = field(compare=False)
    channel: Channel = Channel.SMS
    code_length: int
    expires_in: timedelta
    resend_after: timedelta
    limit_usage: Sequence[WindowUsage] = field(default=(), compare=False)
    confirmed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """The result of a check.

    Attributes:
        verification_id: Id of the verification, 16 bytes.
        approved: Whether the code was right; the verification is then closed.
        attempts_remaining: After a wrong code, the attempts that the rules of this
            phone still allow.
        expires_in: After a wrong code, the time until the last live code expires.
        retry_after: After the last attempt, the time until the rules of its
            verification and of failed checks allow another code.
        approved_at: After a right code, the time of the approval by the store's clock.
        channel: After a right code, the channel that delivered it.
    """

    verification_id: bytes = field(compare=False)
    approved: bool
    attempts_remaining: int = 0
    expires_in: timedelta = timedelta()
    retry_after: timedelta = timedelta()
    approved_at: datetime | None = field(default=None, compare=False)
    channel: Channel | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingVerification:
    """A verification with a live code, with or without attempts left.

    Attributes:
        verification_id: Id of the verification, 16 bytes.
        attempts_used: The attempts that were counted.
        expires_in: Time until the last live code expires.
        channel: The channel of that code.
    """

    verification_id: bytes
    attempts_used: int
    expires_in: timedelta
    channel: Channel = Channel.SMS


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingSends:
    """The sends of one verification.

    Attributes:
        count: The number of sends, also those that are only reserved.
        since_last: Time since the last one, as long as it is known.
    """

    count: int
    since_last: timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenPhone:
    """A phone that was approved within 90 days.

    Attributes:
        messages: Messages that the pumping guard lets pass until the next approval.
        expires_in: Time until the phone is no longer proven.
    """

    messages: int
    expires_in: timedelta


@dataclass(frozen=True, slots=True)
class HashParameters:
    """The hash parameters of all codes of one verification.

    The codes share a salt, so that a check of all live codes costs one hash.

    Attributes:
        verification_id: The id of the verification, 16 random bytes.
        argon2: Argon2 parameters, as `Argon2Parameters.parse` accepts them.
    """

    verification_id: bytes
    argon2: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SendReservation:
    """A send that the store has reserved.

    Attributes:
        hash_parameters: The hash parameters of the verification.
        code_expires_at: When the code of this send expires, in milliseconds since 1970
            by the clock of the store.
        counted_at: When the phone counted this send, by the same clock.
        resend_after: Time until the next send is allowed.
        limit_usage: Usage of the limits of the phone, with this send.
        proven: Whether a code of this phone was typed in within 90 days, at most three
            messages ago.
        unreachable: The channels that do not reach the phone.
    """

    hash_parameters: HashParameters
    code_expires_at: int
    counted_at: int
    resend_after: timedelta
    limit_usage: Sequence[WindowUsage] = ()
    proven: bool = False
    unreachable: frozenset[Channel] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationCharge:
    """One message, as the global limits and the pumping guard count it.

    Attributes:
        hits: The global limits.
        destination: The places of the number.
        guard: The rules of the pumping guard for its country.
        exempt: Whether the guard neither counts nor refuses the message.
        vouched: Whether a client with an API key vouches for the recipient.
        proven: Whether the phone is proven; see `SendReservation.proven`.
        price: What the message costs, in micro-units.
        budget: The rules for its money; None if that is not counted.
    """

    hits: Sequence[LimitHit]
    destination: Destination
    guard: GuardRules
    exempt: bool = False
    vouched: bool = False
    proven: bool = False
    price: int = 0
    budget: BudgetRules | None = None

    @property
    def is_needed(self) -> bool:
        """Whether anything can refuse the message, or the guard counts it.

        Without that, the money is not counted either, and saves a call.
        """
        has_budget = self.budget is not None and self.budget.amount is not None
        return bool(self.hits) or self.is_guarded or has_budget

    @property
    def is_guarded(self) -> bool:
        """Whether the pumping guard counts the message."""
        return not (self.exempt or self.guard.is_off)

    @property
    def passes(self) -> bool:
        """Whether the pumping guard counts the message, and does not refuse it."""
        return self.vouched or self.proven


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationUsage:
    """The result of a `DestinationCharge`.

    Attributes:
        limit_usage: Usage of each window, with this message.
        counted_at: The time of the charge, in milliseconds since 1970 by the clock of
            the store.
        guard: What the pumping guard did.
        budget: The money that was spent; None if the money is not counted.
    """

    limit_usage: list[WindowUsage]
    counted_at: int
    guard: GuardUsage = UNGUARDED
    budget: BudgetUsage | None = None

    @property
    def has_reports(self) -> bool:
        """Whether events report what the guard or the budget did."""
        reported = self.guard.would_refuse or self.guard.pressures
        return bool(reported or (self.budget and self.budget.has_reports))


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """The approval of a verification.

    Attributes:
        at: When, by the store's clock.
        counted_messages: Messages of the verification that the pumping guard counted.
    """

    at: datetime
    counted_messages: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalCredit:
    """What an approval forgives in the pumping guard.

    Attributes:
        destination: The places of the number.
        verification_id: Id of the verification, 16 bytes.
        messages: Messages of the verification that the guard counted.
        rules: The rules of the guard for the country of the number.
    """

    destination: Destination
    verification_id: bytes
    messages: int
    rules: GuardRules


def ignore_credit(_credit: ApprovalCredit) -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReservation:
    """A check that the store has reserved.

    Attributes:
        hash_parameters: The hash parameters of the verification.
        code_hashes: The hashes of the live codes, at least one.
        channels: The channel of each of these codes.
        attempts_remaining: Attempts left after this one.
        expires_in: Time until the last live code expires.
        retry_after: With no attempts left, the time until another code can be sent.
    """

    hash_parameters: HashParameters
    code_hashes: tuple[bytes, ...] = field(repr=False)
    channels: tuple[Channel, ...]
    attempts_remaining: int
    expires_in: timedelta
    retry_after: timedelta
