"""Pending verifications, read and closed without a code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.addresses import Address
from otp_engine.domain.events import (
    EventListener,
    VerificationApproved,
    VerificationCanceled,
    ignore_event,
)
from otp_engine.domain.models import (
    Approval,
    ApprovalCredit,
    Channel,
    PendingVerification,
    ignore_credit,
)
from otp_engine.domain.phones.phone_keys import PhoneKeys
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.ports import VerificationStore
from otp_engine.domain.recipients import PseudonymousRecipient
from otp_engine.domain.services import DEFAULT, Service
from otp_engine.errors import VerificationNotFound

IDEMPOTENCY_KEY_BYTES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingVerifications:
    """The pending verifications of a store.

    Attributes:
        store: Stores verifications, and counts events against limits.
        peppers: The current pepper, then the previous one during a rotation.
        policy: The policy in force.
        random_bytes: Returns as many unpredictable bytes as its argument.
        emit: Receives each event.
        credit: Receives what each approval forgives in the pumping guard.
        marks_proven: Whether an approval proves the phone to the pumping guard.
        namespace_suffix: Separates these verifications from others in the same store.
    """

    store: VerificationStore
    peppers: tuple[Pepper, ...]
    policy: Policy
    random_bytes: Callable[[int], bytes]
    emit: EventListener = ignore_event
    credit: Callable[[ApprovalCredit], None] = ignore_credit
    marks_proven: bool = True
    namespace_suffix: str = ""
    phone_keys: PhoneKeys = field(init=False, repr=False)

    def __post_init__(self) -> None:
        keys = PhoneKeys(self.peppers, self.store, self.policy, self.namespace_suffix)
        object.__setattr__(self, "phone_keys", keys)

    def get_pending(
        self,
        number: Address,
        service: Service = DEFAULT,
        bound_id: bytes | None = None,
    ) -> PendingVerification:
        """Return the pending verification of a phone; this is no check.

        Raises:
            VerificationNotFound: No verification is pending.
            Unavailable: Redis is unavailable.
        """
        _, phone = self.phone_keys.resolve(number, service.namespace, bound_id)
        if pending := self.store.get_pending(phone):
            return pending
        raise VerificationNotFound

    def approve(
        self,
        number: Address,
        service: Service,
        verification_id: bytes,
        bound_id: bytes | None = None,
        *,
        channel: Channel = Channel.SMS,
    ) -> None:
        """Close a verification as approved, for a client that saw its right code.

        The service compared no code, so the phone's failed checks stay counted.

        Args:
            number: The number of the recipient.
            service: The service of the verification.
            verification_id: Id of the verification, 16 bytes.
            bound_id: Id of the bound verification, 16 bytes.
            channel: The channel of its last code, for the event.

        Raises:
            VerificationNotFound: The verification is not pending for this phone.
            Unavailable: Redis is unavailable.
        """
        _, phone = self.phone_keys.resolve(number, service.namespace, bound_id)
        approval = self.store.approve(
            phone,
            idempotency_key=self.random_bytes(IDEMPOTENCY_KEY_BYTES),
            verification_id=verification_id,
            code_matched=False,
            mark_proven=self.marks_proven,
        )
        if approval is None:
            raise VerificationNotFound
        self.credit_approval(number, verification_id, approval)
        self.emit(
            VerificationApproved(
                recipient=PseudonymousRecipient.from_address(number, self.peppers[0]),
                verification_id=verification_id,
                channel=channel,
            )
        )

    def credit_approval(
        self, number: Address, verification_id: bytes, approval: Approval
    ) -> None:
        """Credit the messages of an approved verification, after the request."""
        rules = self.policy.guard_rules(number.country)
        if approval.counted_messages and not rules.is_off:
            self.credit(
                ApprovalCredit(
                    destination=number.destination,
                    verification_id=verification_id,
                    messages=approval.counted_messages,
                    rules=rules,
                )
            )

    def cancel(
        self,
        number: Address,
        service: Service,
        verification_id: bytes,
        bound_id: bytes | None = None,
    ) -> None:
        """Close a verification without an approval.

        The phone's failed checks stay counted.

        Raises:
            VerificationNotFound: The verification is not pending for this phone.
            Unavailable: Redis is unavailable.
        """
        _, phone = self.phone_keys.resolve(number, service.namespace, bound_id)
        if not self.store.cancel(phone, verification_id=verification_id):
            raise VerificationNotFound
        recipient = PseudonymousRecipient.from_address(number, self.peppers[0])
        self.emit(
            VerificationCanceled(recipient=recipient, verification_id=verification_id)
        )
