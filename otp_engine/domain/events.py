"""The events of the service: values without codes and full phone numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from otp_engine.domain.models import Channel
from otp_engine.domain.pumping_guard.places import Level
from otp_engine.domain.pumping_guard.rules import Pressure
from otp_engine.domain.recipients import PseudonymousRecipient
from otp_engine.domain.send_facts import NO_FACTS, SendFacts


class Action(StrEnum):
    """The kind of a request."""

    SEND = "send"
    CHECK = "check"


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeSent:
    """A provider accepted a message, or did not answer.

    Attributes:
        recipient: The recipient of the message.
        verification_id: Id of the verification, 16 bytes.
        send_id: Id of the send, 8 bytes.
        service: SID of the service; empty for the default service.
        channel: The channel of the message.
        code_length: Number of characters of the code.
        locale: Language of the message; None in events of releases that had English
            texts without a request for another language.
        confirmed: Whether the provider accepted the message. Otherwise it did not
            answer.
        provider: Name of the provider; None in events of releases that lacked it.
        facts: What the send was counted by.
        delivery_id: Id of the delivery; None in events of releases that lacked it.
        expires_at: When the code expires, as `delivery_id`.
        has_fallback: Whether the next step of the route follows after a report of
            undelivered or a silence.
        is_fallback: Whether the message is such a next step.
        sealed_address: The number or the address, encrypted for the event webhook; None
            unless the operator wants it there.
    """

    recipient: PseudonymousRecipient
    verification_id: bytes
    send_id: bytes
    service: str
    channel: Channel
    code_length: int
    locale: str | None
    confirmed: bool = True
    provider: str | None = None
    facts: SendFacts = NO_FACTS
    delivery_id: str | None = None
    expires_at: datetime | None = None
    has_fallback: bool = False
    is_fallback: bool = False
    sealed_address: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageDelivered:
    """A provider reported that a message arrived.

    Attributes:
        recipient: The recipient of the message.
        channel: The channel of the message.
        provider: Name of the provider; None in events of releases that lacked it.
        verification_id: Id of the verification, 16 bytes; None if the delivery is not
            stored.
        delivery_id: Id of the delivery; None if the report has none.
    """

    recipient: PseudonymousRecipient
    channel: Channel
    provider: str | None = None
    verification_id: bytes | None = None
    delivery_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRead:
    """A provider reported that the recipient has read a message.

    Attributes:
        recipient: The recipient of the message.
        channel: The channel of the message.
        provider: Name of the provider.
        verification_id: As for `MessageDelivered`.
        delivery_id: As for `MessageDelivered`.
    """

    recipient: PseudonymousRecipient
    channel: Channel
    provider: str
    verification_id: bytes | None = None
    delivery_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageUndelivered:
    """A provider reported that a message, which it had accepted, will not arrive.

    Attributes:
        recipient: The recipient of the message.
        channel: The channel of the message.
        provider_error: The provider's error code, if the report has one.
        provider: Name of the provider; None in events of releases that lacked it.
        verification_id: As for `MessageDelivered`.
        delivery_id: As for `MessageDelivered`.
        has_fallback: Whether the next step of the route follows.
        failed: Whether the provider calls the message failed, and not undelivered.
    """

    recipient: PseudonymousRecipient
    channel: Channel
    provider_error: int | str | None
    provider: str | None = None
    verification_id: bytes | None = None
    delivery_id: str | None = None
    has_fallback: bool = False
    failed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SendRejected:
    """A provider rejected a message, so the send was released.

    Attributes:
        recipient: The recipient of the message.
        channel: The channel of the message.
        error: `error_code` of the error that the client got.
        provider_error: The provider's error code, if it returned one.
        provider: Name of the provider; None in events of releases that lacked it.
        facts: What the send was counted by.
    """

    recipient: PseudonymousRecipient
    channel: Channel
    error: str
    provider_error: int | str | None
    provider: str | None = None
    facts: SendFacts = NO_FACTS


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationApproved:
    """A verification was approved, by a right code or by a client.

    Attributes:
        recipient: The recipient of the code.
        verification_id: Id of the verification, 16 bytes.
        channel: The channel of the code.
    """

    recipient: PseudonymousRecipient
    verification_id: bytes
    channel: Channel


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckFailed:
    """The code of a check was wrong.

    Attributes:
        recipient: The recipient of the code.
        verification_id: Id of the verification, 16 bytes.
        attempts_remaining: Checks that the rules of the phone still allow.
    """

    recipient: PseudonymousRecipient
    verification_id: bytes
    attempts_remaining: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxAttemptsReached:
    """The last attempt of a verification failed, so no code of it works any longer.

    Attributes:
        recipient: The recipient of the code.
        verification_id: Id of the verification, 16 bytes.
    """

    recipient: PseudonymousRecipient
    verification_id: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationCanceled:
    """A client canceled a verification.

    Attributes:
        recipient: The recipient of the code.
        verification_id: Id of the verification, 16 bytes.
    """

    recipient: PseudonymousRecipient
    verification_id: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckNotFound:
    """A check found no pending verification."""

    recipient: PseudonymousRecipient


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRefused:
    """A rule refused a request, or would refuse it outside shadow mode.

    Attributes:
        recipient: The recipient of the message or the code.
        action: The kind of the request.
        limit: Name of the rule: a value of the policy, the name of a client's own
            limit, `country_not_allowed`, `number_type_not_allowed`, or
            `provider_refusal` for a provider's earlier rejection of the number.
        shadow: Whether the rule is in shadow mode, and refused nothing.
        channel: The channel of a send that was refused.
        facts: What a send that was refused was counted by.
    """

    recipient: PseudonymousRecipient
    action: Action
    limit: str
    shadow: bool = False
    channel: Channel | None = None
    facts: SendFacts = NO_FACTS


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestUnavailable:
    """The service could not serve a request.

    Attributes:
        recipient: The recipient of the message or the code.
        action: The kind of the request.
        reason: `store`, `provider`, `overloaded`, `sending_disabled` or `other`.
        facts: What a send was counted by that stays counted for its requester.
    """

    recipient: PseudonymousRecipient
    action: Action
    reason: str
    facts: SendFacts = NO_FACTS


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChanged:
    """An operator changed the policy.

    Attributes:
        version: Number of the new policy version.
        author: The operator's user name and machine, as `alice@ops`.
        change: The changed values, as `name = value; name = value`.
        reason: The operator's reason, if there is one.
    """

    version: int
    author: str
    change: str
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitNear:
    """A request raised the usage of a shared limit to 80 % of a window.

    Attributes:
        limit: Name of the limit.
        identifier: What it counts by: a country, a prefix, a channel, a network or an
            API key; empty for a limit of all requests.
        used: Events that the window counts.
        count: The count of the window.
        period: The period of the window, such as `10m`.
    """

    limit: str
    identifier: str
    used: int
    count: int
    period: str

    @property
    def country(self) -> str:
        """The country that the limit counts by; empty for other limits."""
        return self.identifier if self.limit == "sends_per_country" else ""

    @property
    def prefix(self) -> str:
        """The prefix that the limit counts by; empty for other limits."""
        return self.identifier if self.limit == "sends_per_prefix" else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetReached:
    """A message reached a level of the budget, or of the share of a country.

    Attributes:
        level: The percentage: 50, 80 or 100.
        spent: The money of the running hour and of the 24 before it, in micro-units.
        amount: The budget or the share, in micro-units.
        currency: The currency (ISO 4217).
        country: The country of the share; empty for the budget.
        shadow: Whether the budget is in shadow mode.
    """

    level: int
    spent: int
    amount: int
    currency: str
    country: str = ""
    shadow: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceSuspended:
    """The pumping guard suspended a block, or closed a network or a country.

    Attributes:
        level: The kind of the place.
        prefix: The place: a prefix of numbers, or the code of a country.
        country: ISO 3166 code of the place.
        unproven: Unproven messages of the place.
        until: The end of the suspension, by the store's clock.
        trips: Number of suspensions of the place in a row, with this one.
        shadow: Whether the guard is in shadow mode, and refuses nothing.
    """

    level: Level
    prefix: str
    country: str
    unproven: float
    until: datetime
    trips: int
    shadow: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderWeightChanged:
    """The weight of a provider changed, because of its messages or by an operator.

    Attributes:
        provider: Name of the provider.
        channel: The channel of the messages.
        weight: The new weight, in percent.
        previous: The weight before.
        reason: `slow`, `errors`, `recovered` or `operator`.
        messages: Messages of the last ten minutes.
        slow_share: The share of the messages that did not arrive in time.
        errors: Errors of the last minute.
    """

    provider: str
    channel: Channel
    weight: int
    previous: int
    reason: str
    messages: int = 0
    slow_share: float = 0.0
    errors: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorSignedIn:
    """An operator signed in to the console.

    Attributes:
        operator: Name of the operator.
        method: `key`, `proxy` for the name that a proxy sent, or `dev` in dev mode.
        ip_hash: Keyed hash of the operator's IP address.
    """

    operator: str
    method: str
    ip_hash: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneInspected:
    """An operator read the state and the events of a phone or an e-mail address.

    Attributes:
        recipient: The phone or the address, without a client IP.
        operator: Name of the operator.
        source: `console`, or `command` for `otp-engine inspect`.
    """

    recipient: PseudonymousRecipient
    operator: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneDataDeleted:
    """An operator deleted the data of a phone or an e-mail address.

    Attributes:
        recipient: As for `PhoneInspected`.
        operator: As for `PhoneInspected`.
        source: `console`, or `command` for `otp-engine forget`.
    """

    recipient: PseudonymousRecipient
    operator: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorCreated:
    """A client created a factor.

    Attributes:
        identity_hash: Keyed hash of the service and the identity.
        service: SID of the service, also of the default one.
        factor_sid: SID of the factor.
        client_name: Name of the API key; None for an anonymous client.
    """

    identity_hash: str
    service: str
    factor_sid: str
    client_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorVerified:
    """A right code verified a factor; see `FactorCreated` for the attributes."""

    identity_hash: str
    service: str
    factor_sid: str
    client_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorDeleted:
    """A factor was deleted; see `FactorCreated` for the attributes."""

    identity_hash: str
    service: str
    factor_sid: str
    client_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorCheckFailed:
    """The code of a check of a factor was wrong or replayed.

    Attributes:
        identity_hash: As for `FactorCreated`.
        service: As for `FactorCreated`.
        factor_sid: As for `FactorCreated`.
        client_name: As for `FactorCreated`.
        ip_hash: Keyed hash of the client IP, where it is known.
        attempts_remaining: Checks that the rules of the factor still allow.
    """

    identity_hash: str
    service: str
    factor_sid: str
    client_name: str | None = None
    ip_hash: str | None = None
    attempts_remaining: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorApproved:
    """A check through `/auth` or the page `/verify` approved an identity.

    Attributes:
        identity_hash: As for `FactorCreated`.
        service: As for `FactorCreated`.
        factor_sid: As for `FactorCreated`.
        client_name: As for `FactorCreated`.
        method: `totp` for a code of the authenticator, or `recovery_code`.
    """

    identity_hash: str
    service: str
    factor_sid: str
    client_name: str | None = None
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengeApproved:
    """A check through `/v2` approved a challenge.

    Attributes:
        identity_hash: As for `FactorCreated`.
        service: As for `FactorCreated`.
        factor_sid: As for `FactorCreated`.
        client_name: As for `FactorCreated`.
        challenge_sid: SID of the challenge.
    """

    identity_hash: str
    service: str
    factor_sid: str
    client_name: str | None = None
    challenge_sid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorCheckRefused:
    """A rule refused a check of a factor, or would refuse it outside shadow mode.

    Attributes:
        identity_hash: As for `FactorCreated`.
        service: As for `FactorCreated`.
        client_name: As for `FactorCreated`.
        ip_hash: As for `FactorCheckFailed`.
        limit: Name of the rule.
        shadow: Whether the rule is in shadow mode, and refused nothing.
    """

    identity_hash: str
    service: str
    client_name: str | None = None
    ip_hash: str | None = None
    limit: str
    shadow: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorCheckUnavailable:
    """The service could not serve a check of a factor.

    Attributes:
        identity_hash: As for `FactorCreated`.
        service: As for `FactorCreated`.
        client_name: As for `FactorCreated`.
        reason: As for `RequestUnavailable`.
    """

    identity_hash: str
    service: str
    client_name: str | None = None
    reason: str


Event: TypeAlias = (
    CodeSent
    | MessageDelivered
    | MessageRead
    | MessageUndelivered
    | SendRejected
    | VerificationApproved
    | CheckFailed
    | MaxAttemptsReached
    | VerificationCanceled
    | CheckNotFound
    | RequestRefused
    | RequestUnavailable
    | PolicyChanged
    | LimitNear
    | BudgetReached
    | PlaceSuspended
    | Pressure
    | ProviderWeightChanged
    | OperatorSignedIn
    | PhoneInspected
    | PhoneDataDeleted
    | FactorCreated
    | FactorVerified
    | FactorDeleted
    | FactorCheckFailed
    | FactorApproved
    | ChallengeApproved
    | FactorCheckRefused
    | FactorCheckUnavailable
)
EventListener: TypeAlias = Callable[[Event], None]
"""Receives each event after the request; it must not raise."""


def ignore_event(_event: Event) -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """An event with its time.

    Attributes:
        occurred_at: Time of the event, by the store's clock.
        event: The event.
        sequence: Number of the event among those that the store recorded in the same
            millisecond, as it does with all events of one write.
    """

    occurred_at: datetime
    event: Event
    sequence: int = 0
