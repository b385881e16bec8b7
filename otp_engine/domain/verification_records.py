"""The history of a verification, which clients of `/v2` read by its id."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.models import Channel


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
        encrypted_number: Its number, as `encrypt_number` returns it.
        channel: Channel of the last send.
        sends: All sends, oldest first.
        canceled_at: Time when a client canceled it, if one did.
        bound: Whether it can be checked by its SID only.
    """

    id: bytes
    service: str
    encrypted_number: bytes = field(repr=False)
    channel: Channel
    sends: tuple[RecordedSend, ...] = ()
    canceled_at: datetime | None = None
    bound: bool = False

    @property
    def created_at(self) -> datetime:
        """Time of the first send."""
        return self.sends[0].sent_at

    @property
    def updated_at(self) -> datetime:
        """Time of the last send, or of the cancellation."""
        last_sent_at = self.sends[-1].sent_at
        return max(last_sent_at, self.canceled_at or last_sent_at)


def encrypt_number(e164: str, pepper: Pepper, *, verification_id: bytes) -> bytes:
    """Encrypt the number of a verification, because Redis must hold no number.

    Args:
        e164: The number in E.164.
        pepper: The current pepper.
        verification_id: Id of the verification, 16 bytes.

    Returns:
        A ciphertext that `decrypt_number` decrypts for the same verification only.
    """
    return pepper.encrypt(e164.encode(), context=b"number" + verification_id)


def decrypt_number(ciphertext: bytes, pepper: Pepper, *, verification_id: bytes) -> str:
    """Decrypt the number of a verification.

    Args:
        ciphertext: Result of `encrypt_number`.
        pepper: The pepper that encrypted it.
        verification_id: Id of the verification, 16 bytes.

    Returns:
        The number in E.164.

    Raises:
        ValueError: The ciphertext belongs to another pepper or verification, or was
            changed.
    """
    return pepper.decrypt(ciphertext, context=b"number" + verification_id).decode(
        "ascii"
    )
