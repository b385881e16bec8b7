"""What was told about a verification, to be told again to whoever asks by its id."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from otp_engine.domain.pepper import Pepper
from otp_engine.domain.verification import Channel


@dataclass(frozen=True, slots=True)
class Attempt:
    """One send.

    Attributes:
        token: Its name, 8 bytes.
    """

    token: bytes
    at: datetime
    channel: Channel


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A verification, as its callers know it.

    Attributes:
        id: The verification, 16 bytes.
        service: The sid of its service.
        encrypted_number: Its number, as `encrypt_number` returns it.
        bound: Whether only its sid can check it.
        channel: How the last code was sent.
        attempts: Every send, oldest first.
        cancelled: Whether it was closed without an approval.
    """

    id: bytes
    service: str
    encrypted_number: bytes = field(repr=False)
    channel: Channel
    attempts: tuple[Attempt, ...] = ()
    cancelled: bool = False
    bound: bool = False

    @property
    def began(self) -> datetime:
        """When its first code was sent."""
        return self.attempts[0].at

    @property
    def updated(self) -> datetime:
        """When its last code was sent."""
        return self.attempts[-1].at


def encrypt_number(e164: str, pepper: Pepper, *, verification: bytes) -> bytes:
    """Encrypt the number of a verification, so that Redis holds no number.

    Returns:
        A ciphertext that `decrypt_number` decrypts for the same verification only.
    """
    return pepper.encrypt(e164.encode(), context=b"number" + verification)


def decrypt_number(data: bytes, pepper: Pepper, *, verification: bytes) -> str:
    """Decrypt the number of a verification.

    Raises:
        ValueError: It was encrypted under another pepper or for another verification,
            or was changed.
    """
    return pepper.decrypt(data, context=b"number" + verification).decode("ascii")
