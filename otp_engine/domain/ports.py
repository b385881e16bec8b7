"""What the engine needs from outside, and nothing more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Protocol

from otp_engine.domain.events import Event, RecordedEvent
from otp_engine.domain.limits.limits import LimitHit, WindowUsage
from otp_engine.domain.messages.templates import Message
from otp_engine.domain.models import (
    CheckReservation,
    HashParameters,
    PendingVerification,
    SendReservation,
)
from otp_engine.domain.phones.phone_keys import PhoneKey, PhoneStateStore
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.provider_rejections import ProviderRejection
from otp_engine.domain.records import VerificationRecord
from otp_engine.domain.services import Service

Deliver = Callable[[Message], None]
"""Hands one message over to a provider, and returns when it was accepted."""


class VerificationStore(PhoneStateStore, Protocol):
    """Stores verifications, and counts events against limits.

    *phone* is the key of one phone in one service. Messages and failed checks are
    counted for all services together.
    *idempotency_key* names one request: a step that is repeated with the same key
    changes nothing and returns the same. Every method raises `StoreUnavailable`
    when the store does not answer.
    """

    def reserve_send(
        self,
        phone: PhoneKey,
        *,
        idempotency_key: bytes,
        hash_parameters: HashParameters | None,
        policy: Policy,
        sender: str = "",
    ) -> SendReservation:
        """Reserve one send.

        Without a live verification, a new one starts.

        Args:
            phone: The phone's key.
            idempotency_key: The idempotency key.
            hash_parameters: The hash parameters of a new verification. With None, only
                a live verification is sent again.
            policy: The policy in force.
            sender: What a provider's rejection can depend on: a Messaging Service, or
                empty.

        Raises:
            RateLimited: The cooldown or a limit of this phone rejected.
            TooManyAttempts: The live verification has no checks left.
            VerificationNotFound: There is no *binding*, and no live verification.
            DeliveryFailed, NotServed, InvalidPhone: A provider rejected this phone some
                minutes ago; nothing was reserved.
        """

    def commit_send(
        self,
        phone: PhoneKey,
        *,
        idempotency_key: bytes,
        code_hash: bytes,
        policy: Policy,
    ) -> bool:
        """Store the hash *tag* of the code of a reserved send.

        Returns:
            False if the verification ended in the meantime: nothing may be sent.
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

        A provider's *refusal* of the phone is stored for `refusals.REMEMBERED`, for
        this *sender* only.
        """

    def reserve_check(
        self, phone: PhoneKey, *, idempotency_key: bytes, policy: Policy
    ) -> CheckReservation:
        """Reserve one check.

        Returns:
            The hashes that a code is compared with.

        Raises:
            VerificationNotFound: No verification of this phone is pending.
            TooManyAttempts: The verification has no checks left.
            RateLimited: The phone has no failed checks left.
        """

    def release_check(self, phone: PhoneKey, *, idempotency_key: bytes) -> None:
        """Release a check that was reserved, and whose code was not compared."""

    def approve(
        self,
        phone: PhoneKey,
        *,
        idempotency_key: bytes,
        verification_id: bytes,
        code_matched: bool = True,
    ) -> datetime | None:
        """Close the verification *id* as approved.

        The phone's failed checks are deleted if a code was *guessed*, that is compared.

        Returns:
            The time by the store's clock; None if another request closed it.
        """

    def cancel(self, phone: PhoneKey, *, verification_id: bytes | None = None) -> bool:
        """Close the verification without an approval, with all of its codes.

        With an *id* it must be that one. The phone's failed checks and its messages
        stay counted. A repetition closes nothing, so it needs no token.

        Returns:
            False if no verification is pending in the sense of `claim`: without a live
            code nothing changes, also with a reserved send.
        """

    def get_pending(self, phone: PhoneKey) -> PendingVerification | None:
        """Return the pending verification, in the sense of `claim`, if there is one."""

    def acquire_limits(
        self, hits: Sequence[LimitHit], *, idempotency_key: bytes
    ) -> list[WindowUsage]:
        """Count one event against all of the shared limits, or against none.

        Returns:
            The usage of each window, with this event.

        Raises:
            RateLimited: One limit rejected, and the event was not counted.
        """

    def release_limits(
        self, hits: Sequence[LimitHit], *, idempotency_key: bytes
    ) -> None:
        """Release what `take` counted."""

    def ping(self) -> None:
        """Return if requests can be served."""


class LimitUsageStore(Protocol):
    """Reports the usage of limits; raises `StoreUnavailable` as `Store` does."""

    def phone_usage(self, phone: PhoneKey, policy: Policy) -> list[WindowUsage]:
        """Return the usage of the limits of this phone; nothing changes."""

    def shared_usage(self, hits: Sequence[LimitHit]) -> list[WindowUsage]:
        """Return the usage of shared limits; nothing changes."""

    def bound_keys(self, phone: PhoneKey) -> list[PhoneKey]:
        """List the keys of this phone's bound verifications."""

    def delete_phone(self, phones: Sequence[PhoneKey]) -> int:
        """Delete one phone in all of these services.

        Returns:
            The number of deleted keys.
        """


class Sender(Protocol):
    """Hands messages over to providers."""

    @property
    def name(self) -> str:
        """The name in settings and logs."""

    def reserve(self) -> AbstractContextManager[Deliver]:
        """Reserve a place for one message, before it is prepared.

        The returned callable hands the message over, once, and returns when the
        provider has accepted it.

        Raises:
            Saturated: Too many messages are being handed over.
            CarrierUnavailable: No provider is available; the callable can raise it as
                well. Nothing was sent, and a retry is right.
            DeliveryFailed: The callable raises it if the provider rejected the message.
            NotServed, InvalidPhone: The callable raises them if the provider rejected
                the number.
            DeliveryUnconfirmed: The callable raises it if the provider did not answer.
                The message can still arrive.
        """

    def ping(self) -> None:
        """Return if messages can be sent.

        Raises:
            CarrierUnavailable: The provider does not answer.
            DeliveryFailed: The provider rejects the credentials.
        """


class ServiceStore(Protocol):
    """Stores the services; raises `StoreUnavailable` as `Store` does."""

    def get(self, sid: str) -> Service | None:
        """Return the service with this SID, if there is one."""

    def list_services(self) -> list[Service]:
        """Return all services, newest first."""

    def compare_and_set(self, old: Service | None, new: Service | None) -> bool:
        """Replace *old* by *new*, if *old* is still stored.

        Without an *old* service, *new* is added. Without a *new* one, *old* is deleted.

        Returns:
            Whether *old* was still stored.
        """


class VerificationRecordStore(Protocol):
    """Stores the records of verifications; raises as `Store` does."""

    def add_send(
        self, record: VerificationRecord, *, send_id: bytes, life: timedelta
    ) -> VerificationRecord:
        """Store the send named *token*, for *life* at least.

        Returns:
            The record with every send of the verification.
        """

    def get(self, id: bytes) -> VerificationRecord | None:
        """Return the record of a verification, if there is one."""

    def mark_canceled(self, id: bytes, *, life: timedelta) -> None:
        """Store for *life* that a verification was canceled."""

    def delete(self, id: bytes) -> None:
        """Delete the record of a verification that was approved."""


class EventStore(Protocol):
    """Stores events."""

    def add(self, event: Event) -> None:
        """Store *event*; a failure is logged, and raises nothing."""

    def since(self, begin: datetime | None) -> Iterator[RecordedEvent]:
        """Yield the events since *begin*, newest first; raises as `Store` does."""


class PolicyVersionStore(Protocol):
    """Stores the versions of the policy as texts; raises as `Store` does.

    `policy_versions.PolicyVersions` signs and reads them.
    """

    def latest(self) -> bytes | None:
        """Return the text that was added last; None without any."""

    def history(self, most: int) -> list[bytes]:
        """Return the last *most* texts, newest first."""

    def add(self, text: str, *, after: bytes | None) -> bool:
        """Add *text*, if *after* is still the one that was added last.

        True as well, if *text* is.
        """

    def replace(self, old: bytes, new: str) -> bool:
        """Replace *old* by *new*, if *old* is still stored.

        Returns:
            Whether it was.
        """


class SafeListStore(Protocol):
    """Stores phones that are allowed whatever their country; raises as `Store`."""

    def add(self, phone: str) -> bool:
        """Add the digest of a phone; return whether it was new."""

    def contains(self, phone: str) -> bool:
        """Return whether the digest of a phone is stored."""

    def remove(self, phone: str) -> bool:
        """Delete the digest of a phone; return whether it was stored."""
