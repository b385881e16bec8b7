"""The history of a verification, which clients of `/v2` read by its id."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.models import Channel, SendRequest, SendResult


@dataclass(frozen=True, slots=True)
class RecordedSend:
    """One send in the history of a verification.

    Attributes:
        send_id: Id of the send, 8 bytes.
        sent_at: Time of the send.
        channel: Channel of its message.
    """

    send_id: bytes
    sent_at: datetime
    channel: Channel


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationRecord:
    """A verification as clients of `/v2` see it.

    Attributes:
        id: Id of the verification, 16 bytes.
        service: SID of its service.
        encrypted_address: Its address, as `encrypt_address` returns it.
        channel: Channel of the last send.
        sends: All sends, oldest first.
        canceled_at: Time when a client canceled it, if one did.
        bound: Whether it can be checked by its SID only.
    """

    id: bytes
    service: str
    encrypted_address: bytes = field(repr=False)
    channel: Channel
    sends: tuple[RecordedSend, ...] = ()
    canceled_at: datetime | None = None
    bound: bool = False

    @classmethod
    def from_send(
        cls, request: SendRequest, result: SendResult, *, pepper: Pepper, at: datetime
    ) -> VerificationRecord:
        """Return the record of a verification with one send.

        Args:
            request: The send.
            result: What came of it.
            pepper: The current pepper.
            at: Time of the send.
        """
        return cls(
            id=result.verification_id,
            service=request.service.sid,
            encrypted_address=encrypt_address(
                request.address.canonical,
                pepper,
                verification_id=result.verification_id,
            ),
            channel=result.channel,
            sends=(RecordedSend(result.send_id, at, result.channel),),
            bound=request.bind or request.bound_id is not None,
        )

    @property
    def created_at(self) -> datetime:
        """Time of the first send."""
        return self.sends[0].sent_at

    @property
    def updated_at(self) -> datetime:
        """Time of the last send, or of the cancellation."""
        last_sent_at = self.sends[-1].sent_at
        return max(last_sent_at, self.canceled_at or last_sent_at)


def encrypt_address(address: str, pepper: Pepper, *, verification_id: bytes) -> bytes:
    """Encrypt the address of a verification, because Redis must hold no address.

    Args:
        address: The number or the e-mail address in canonical form.
        pepper: The current pepper.
        verification_id: Id of the verification, 16 bytes.

    Returns:
        A ciphertext that `decrypt_address` decrypts for the same verification only.
    """
    return pepper.encrypt(address.encode(), context=b"number" + verification_id)


def decrypt_address(
    ciphertext: bytes, pepper: Pepper, *, verification_id: bytes
) -> str:
    """Decrypt the address of a verification.

    Args:
        ciphertext: Result of `encrypt_address`.
        pepper: The pepper that encrypted it.
        verification_id: Id of the verification, 16 bytes.

    Returns:
        The number or the e-mail address in canonical form.

    Raises:
        ValueError: The ciphertext belongs to another pepper or verification, or was
            changed.
    """
    return pepper.decrypt(ciphertext, context=b"number" + verification_id).decode()
