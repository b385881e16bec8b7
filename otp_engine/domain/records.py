"""The history of a verification, which clients of `/v2` read by its id."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.models import Channel


@dataclass(frozen=True, slots=True)
class SendAttempt:
    """One send.

    Attributes:
        token: Id of the send, 8 bytes.
        at: When its code was sent.
        channel: How its code was sent.
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
        channel: How the last code was sent.
        attempts: Every send, oldest first.
        cancelled: Whether it was canceled.
        bound: Whether it can be checked by its SID only.
    """

    id: bytes
    service: str
    encrypted_number: bytes = field(repr=False)
    channel: Channel
    attempts: tuple[SendAttempt, ...] = ()
    canceled: bool = False
    bound: bool = False

    @property
    def created_at(self) -> datetime:
        """When its first code was sent."""
        return self.attempts[0].sent_at

    @property
    def updated_at(self) -> datetime:
        """When its last code was sent."""
        return self.attempts[-1].sent_at


def encrypt_number(e164: str, pepper: Pepper, *, verification: bytes) -> bytes:
    """Encrypt the number of a verification, because Redis must hold no number.

    Args:
        e164: The number in E.164.
        pepper: The current pepper.
        verification: Id of the verification.

    Returns:
        A ciphertext that `decrypt_number` decrypts for the same verification only.
    """
    return pepper.encrypt(e164.encode(), context=b"number" + verification)


def decrypt_number(data: bytes, pepper: Pepper, *, verification: bytes) -> str:
    """Decrypt the number of a verification.

    Args:
        data: What `encrypt_number` returned.
        pepper: The pepper that encrypted it.
        verification: Id of the verification.

    Raises:
        ValueError: It was encrypted with another pepper or for another verification,
            or was changed.
    """
    return pepper.decrypt(data, context=b"number" + verification).decode("ascii")
