"""The interfaces of the stores and senders that the domain uses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from otp_engine.domain.events import Event, RecordedEvent
from otp_engine.domain.limits.limits import LimitHit, WindowUsage
from otp_engine.domain.messages.templates import Message
from otp_engine.domain.models import (
    Approval,
    Channel,
    CheckReservation,
    DestinationCharge,
    DestinationUsage,
    HashParameters,
    PendingSends,
    PendingVerification,
    ProvenPhone,
    SendReservation,
)
from otp_engine.domain.phones.phone_keys import PhoneKey, PhoneStateStore
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.provider_rejections import (
    ANY_SENDER,
    ProviderRejection,
    RejectionScopes,
)
from otp_engine.domain.pumping_guard.listing import ListedPlace
from otp_engine.domain.pumping_guard.places import Destination
from otp_engine.domain.pumping_guard.rules import GuardRules, Suspension
from otp_engine.domain.services import Service
from otp_engine.domain.verification_records import VerificationRecord


@dataclass(frozen=True, slots=True)
class Accepted:
    """A message that a provider accepted.

    Attributes:
        provider: Name of the provider.
        message_id: The provider's id of the message; None without one.
    """

    provider: str
    message_id: str | None = None


Deliver = Callable[[Message], Accepted]
"""Passes one message to a provider, and returns once the provider accepts it."""


class VerificationStore(PhoneStateStore, Protocol):
    """Stores verifications, and counts events against limits.

    A phone key identifies one phone in one namespace. Sends and failed checks of a
    phone are counted over all namespaces.
    An idempotency key identifies one request: a step that is repeated with the same key
    changes nothing and returns the same. Every method raises `StoreUnavailable`
    when the store does not answer.
    """

    def reserve_send(  # noqa: PLR0913 - the values of one send
        self,
        phone: PhoneKey,
        *,
        idempotency_key: bytes,
        hash_parameters: HashParameters | None,
        policy: Policy,
        scopes: RejectionScopes = ANY_SENDER,
        is_fallback: bool = False,
    ) -> SendReservation:
        """Reserve one send.

        Without a live verification, a new one starts.

        Args:
            phone: The phone key.
            idempotency_key: Identifies the send, 8 bytes.
            hash_parameters: Hash parameters of a new verification. With None, only a
                live verification can have the send.
            policy: The current policy.
            scopes: The channels that the message can take, in order of preference, and
                what a provider's rejection depends on.
            is_fallback: Whether the send is a fallback, which has no cooldown and
                starts none.

        Raises:
            RateLimited: The cooldown or a limit of this phone refused the send.
            TooManyAttempts: The live verification has no attempts left.
            VerificationNotFound: No verification is live, and *hash_parameters* is
                None.
            DeliveryFailed, DestinationNotAllowed, InvalidPhone: The store has a
                provider's rejection of this phone, for the first channel that reaches
                it; the send was not reserved.
            RecipientNotOnChannel: No channel reaches this phone.
        """

    def commit_send(  # noqa: PLR0913 - the values of one code
        self,
        phone: PhoneKey,
        *,
        idempotency_key: bytes,
        code_hash: bytes,
        code_expires_at: int,
        counted: bool = False,
        channel: Channel = Channel.SMS,
        is_later_step: bool = False,
    ) -> bool:
        """Store the hash of the code of a reserved send.

        A later step of the route stores the code again, with its channel.

        Args:
            phone: The phone key.
            idempotency_key: Identifies the send, 8 bytes.
            code_hash: Argon2id hash of the code, 32 bytes.
            code_expires_at: When the code expires, as its reservation states it.
            counted: Whether the pumping guard has counted the message.
            channel: The channel of the message.
            is_later_step: Whether the code was stored before, with another channel.

        Returns:
            False if the verification has ended: the message must not be sent.
        """

    def release_send(
        self,
        phone: PhoneKey,
        *,
        idempotency_key: bytes,
        rejection: ProviderRejection | None = None,
        sender: str = "",
    ) -> None:
        """Release a reserved send, with its code if that was stored.

        Args:
            phone: The phone key.
            idempotency_key: Identifies the send, 8 bytes.
            rejection: A provider's rejection of the phone, which is stored for
                its `ttl` and this *sender* only.
            sender: What the rejection depends on besides the number.
        """

    def mark_channel_unreachable(
        self, phone: PhoneKey, channel: Channel, rejection: ProviderRejection
    ) -> None:
        """Store that a channel does not reach a phone.

        Args:
            phone: The phone key; the namespace has no effect.
            channel: The channel.
            rejection: Why, which is stored for its `ttl`.
        """

    def reserve_check(
        self, phone: PhoneKey, *, idempotency_key: bytes, policy: Policy
    ) -> CheckReservation:
        """Reserve one check.

        Args:
            phone: The phone key.
            idempotency_key: Identifies the check, 8 bytes.
            policy: The current policy.

        Returns:
            The hashes of the live codes, and their channels.

        Raises:
            VerificationNotFound: No verification of this phone is pending.
            TooManyAttempts: The verification has no attempts left.
            RateLimited: The phone has reached its limit of failed checks.
        """

    def release_check(self, phone: PhoneKey, *, idempotency_key: bytes) -> None:
        """Release a reserved check, if its code was not compared."""

    def approve(
        self,
        phone: PhoneKey,
        *,
        idempotency_key: bytes,
        verification_id: bytes,
        code_matched: bool = True,
        mark_proven: bool = True,
    ) -> Approval | None:
        """Close a verification as approved.

        Args:
            phone: The phone key.
            idempotency_key: Identifies the check, 8 bytes.
            verification_id: Id of the verification, 16 bytes.
            code_matched: Whether a code was compared and right. The phone's failed
                checks are then deleted.
            mark_proven: Whether the phone is proven for 90 days and three messages.

        Returns:
            The approval. None if the verification was not pending.
        """

    def cancel(self, phone: PhoneKey, *, verification_id: bytes | None = None) -> bool:
        """Close the pending verification without an approval, with all of its codes.

        The phone's failed checks and sends stay counted. A repetition changes nothing,
        so it needs no idempotency key.

        Args:
            phone: The phone key.
            verification_id: Id of the verification, 16 bytes. None means any pending
                one.

        Returns:
            False if no verification is pending: it needs a live code, and a reserved
            send alone is not enough.
        """

    def get_pending(self, phone: PhoneKey) -> PendingVerification | None:
        """Return the pending verification, which `reserve_check` would use.

        Returns:
            None if no verification is pending.
        """

    def acquire_hits(
        self, hits: Sequence[LimitHit], *, idempotency_key: bytes
    ) -> list[WindowUsage]:
        """Count one event against all of several limits, or against none.

        Args:
            hits: The limits, each with what it counts by.
            idempotency_key: Identifies the request, 8 bytes.

        Returns:
            The usage of each window, this event included.

        Raises:
            RateLimited: One limit refused the event, and no limit counted it.
        """

    def release_hits(self, hits: Sequence[LimitHit], *, idempotency_key: bytes) -> None:
        """Release the hits that `acquire_hits` counted for this request."""

    def acquire_destination(
        self, charge: DestinationCharge, *, idempotency_key: bytes
    ) -> DestinationUsage:
        """Count one message against the pumping guard and all global limits.

        A refused message is counted by none of them.

        Args:
            charge: The message.
            idempotency_key: Identifies the send, 8 bytes.

        Raises:
            DestinationSuspended: The pumping guard refused the message.
            RateLimited: A limit refused it.
        """

    def release_destination(
        self, charge: DestinationCharge, *, idempotency_key: bytes
    ) -> None:
        """Take back a message that `acquire_destination` counted for this request."""

    def credit_approval(
        self,
        destination: Destination,
        *,
        verification_id: bytes,
        messages: int,
        rules: GuardRules,
    ) -> None:
        """Forgive unproven messages of the places of an approved number.

        A repetition within two minutes changes nothing.

        Args:
            destination: The places of the number.
            verification_id: Id of the verification, 16 bytes.
            messages: Messages of the verification that the guard counted.
            rules: The rules of the pumping guard for the country of the number.
        """

    def ping(self) -> None:
        """Return if the store can serve requests."""


class GuardStore(Protocol):
    """The pumping guard for operators; methods raise `StoreUnavailable`."""

    def list_places(self) -> list[ListedPlace]:
        """Return the places with unproven messages, approvals or a suspension."""

    def read_places(self, prefixes: Sequence[str]) -> list[ListedPlace]:
        """Return the places with these names, also those without a message.

        Args:
            prefixes: Names of places.
        """

    def list_notable(self) -> list[ListedPlace]:
        """Return the suspended places, and the countries with any of these."""

    def list_suspensions(self) -> list[Suspension]:
        """Return the suspensions, the one with the latest end first."""

    def clear(self, prefix: str) -> int:
        """Delete what the guard has counted in a place, and its suspension.

        Args:
            prefix: Name of a place: a prefix of numbers, or a country. With a prefix,
                all places in it are deleted.

        Returns:
            The number of deleted places.

        Raises:
            ValueError: The text is not the name of a place.
        """

    def suspend(self, prefix: str, until: datetime) -> None:
        """Refuse messages to a place until a time, which is at most 31 days ahead.

        Args:
            prefix: Name of a place: a block, a network or a country.
            until: The end.

        Raises:
            ValueError: The text is not the name of a place.
        """


class LimitUsageStore(Protocol):
    """Reports the usage of limits; methods raise `StoreUnavailable`."""

    def phone_usage(self, phone: PhoneKey, policy: Policy) -> list[WindowUsage]:
        """Return the usage of the limits of one phone, without a change."""

    def shared_usage(self, hits: Sequence[LimitHit]) -> list[WindowUsage]:
        """Return the usage of shared limits, without a change."""

    def pending_sends(self, phone: PhoneKey) -> PendingSends:
        """Return the sends of the verification of a phone in its namespace."""

    def proven(self, phone: PhoneKey) -> ProvenPhone | None:
        """Return the state of a proven phone; None for another one."""

    def bound_keys(self, phone: PhoneKey) -> list[PhoneKey]:
        """List the phone keys of the bound verifications of one phone."""

    def unreachable(self, phone: PhoneKey) -> Mapping[Channel, timedelta]:
        """Return the channels that do not reach a phone, and for how long.

        A provider reported it; see `VerificationStore.mark_channel_unreachable`.
        """

    def delete_hits(self, hits: Sequence[LimitHit]) -> int:
        """Delete the hits of shared limits; return the number of deleted keys."""

    def delete_deliveries(self, tag: str) -> None:
        """Delete the deliveries of one verification, with their fallbacks.

        Args:
            tag: The part of the delivery ids that names the verification.
        """

    def delete_phone(self, phones: Sequence[PhoneKey]) -> int:
        """Delete the data of one phone.

        Args:
            phones: The phone keys, one for each namespace.

        Returns:
            The number of deleted Redis keys.
        """


class Sender(Protocol):
    """Passes messages to one provider."""

    @property
    def name(self) -> str:
        """Name of the provider in settings, logs and metrics."""

    @property
    def channels(self) -> Sequence[Channel]:
        """The channels of the provider, its usual one first."""

    @property
    def reports_delivery(self) -> bool:
        """Whether delivery reports of the provider reach this service."""

    def acquire_slot(self) -> AbstractContextManager[Deliver]:
        """Reserve a slot for one message, before the message exists.

        Returns:
            A context manager of a callable that passes one message to the provider,
            and returns once it is accepted. An error of the provider has its name in
            `OTPError.provider`.

        Raises:
            Overloaded: All slots are in use.
            ProviderUnavailable: No provider is available. The callable raises it as
                well. The message was not sent, and a retry can succeed.
            DeliveryFailed: From the callable: the provider rejected the message.
            DestinationNotAllowed, InvalidPhone: From the callable: the provider
                rejected the number.
            DeliveryUnconfirmed: From the callable: the provider did not answer. The
                message can still arrive.
        """

    def ping(self) -> None:
        """Return if messages can be sent.

        Raises:
            ProviderUnavailable: The provider does not answer.
            DeliveryFailed: The provider rejects the credentials.
        """


class ServiceStore(Protocol):
    """Stores services; methods raise `StoreUnavailable`."""

    def get(self, sid: str) -> Service | None:
        """Return the service with this SID, if there is one."""

    def list_services(self) -> list[Service]:
        """Return all services, newest first."""

    def compare_and_set(self, old: Service | None, new: Service | None) -> bool:
        """Replace *old* by *new*, if *old* is still stored.

        Args:
            old: The stored service; None adds *new*.
            new: Its replacement; None deletes *old*.

        Returns:
            Whether *old* was still stored.
        """


class VerificationRecordStore(Protocol):
    """Stores the records of verifications; methods raise `StoreUnavailable`."""

    def add_send(
        self, record: VerificationRecord, *, send_id: bytes, ttl: timedelta
    ) -> VerificationRecord:
        """Add a send to the record of its verification.

        Args:
            record: The record, with the new send.
            send_id: Id of the send, 8 bytes.
            ttl: Time that the record is stored at least.

        Returns:
            The record with all sends of the verification.
        """

    def get(self, id: bytes) -> VerificationRecord | None:
        """Return the record of a verification, if there is one."""

    def mark_canceled(self, id: bytes, *, at: datetime, ttl: timedelta) -> None:
        """Mark a verification as canceled at that time, and store it for *ttl*."""

    def delete(self, id: bytes) -> None:
        """Delete the record of an approved verification."""


class EventStore(Protocol):
    """Stores events."""

    def add(self, event: Event) -> None:
        """Store *event*; a failure is logged and not raised."""

    def since(self, start: datetime | None) -> Iterator[RecordedEvent]:
        """Yield the events since a time, newest first.

        Args:
            start: The time; None yields all events.

        Raises:
            StoreUnavailable: The store does not answer.
        """


class PolicyVersionStore(Protocol):
    """Stores policy versions as text; methods raise `StoreUnavailable`.

    `signed_versions.SignedPolicyVersions` signs and verifies them.
    """

    def latest(self) -> bytes | None:
        """Return the text that was added last, if there is one."""

    def now(self) -> datetime:
        """Return the time by the clock of the store."""

    def history(self, count: int) -> list[bytes]:
        """Return the last *count* texts, newest first."""

    def add(self, text: str, *, after: bytes | None) -> bool:
        """Add a text, if no other was added in the meantime.

        Args:
            text: The new text.
            after: The text that was added last; None if there is none.

        Returns:
            Whether *text* is now the one that was added last.
        """

    def replace(self, old: bytes, new: str) -> bool:
        """Replace *old* by *new*, if *old* is still stored.

        Returns:
            Whether *old* was still stored.
        """


class SafeListStore(Protocol):
    """Stores the safe list; methods raise `StoreUnavailable`."""

    def add(self, phone: str) -> bool:
        """Add the keyed hash of a phone; return whether it was new."""

    def contains(self, phone: str) -> bool:
        """Return whether the keyed hash of a phone is stored."""

    def is_empty(self) -> bool:
        """Return whether no keyed hash is stored."""

    def remove(self, phone: str) -> bool:
        """Delete the keyed hash of a phone; return whether it was stored."""
