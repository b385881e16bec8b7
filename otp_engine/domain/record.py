"""What was told about a verification, to be told again to whoever asks by its id."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

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
        sealed: Its number, as `Pepper.seal` hides it.
        channel: How the last code was sent.
        attempts: Every send, oldest first.
        cancelled: Whether it was closed without an approval.
    """

    id: bytes
    service: str
    sealed: bytes = field(repr=False)
    channel: Channel
    attempts: tuple[Attempt, ...] = ()
    cancelled: bool = False

    @property
    def began(self) -> datetime:
        """When its first code was sent."""
        return self.attempts[0].at

    @property
    def updated(self) -> datetime:
        """When its last code was sent."""
        return self.attempts[-1].at
