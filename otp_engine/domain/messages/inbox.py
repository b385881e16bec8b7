"""The inbox of dev mode: the messages that recipients would receive."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from otp_engine.domain.models import Channel


class CodeStatus(StrEnum):
    """The status of a code."""

    PENDING = "pending"
    APPROVED = "approved"
    CANCELED = "canceled"
    MAX_ATTEMPTS_REACHED = "max_attempts_reached"
    EXPIRED = "expired"
    UNDELIVERED = "undelivered"


class SimulatedOutcome(StrEnum):
    """What becomes of each message of dev mode, as if a provider had sent it."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNCONFIRMED = "unconfirmed"
    UNDELIVERED = "undelivered"


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxMessage:
    """A message in the inbox.

    Attributes:
        sent_at: Time of the send.
        expires_at: Time at which its code expires.
        to: The number in E.164.
        channel: Channel of the message.
        locale: BCP 47 tag of the text; None means English.
        body: The text, with the code.
        code: The code.
        verification_id: Id of the verification, 16 bytes.
        final_status: Final status of the verification, or of its last message; None
            while it is pending.
    """

    sent_at: datetime
    expires_at: datetime
    to: str = field(repr=False)
    channel: Channel
    locale: str | None
    body: str = field(repr=False)
    code: str = field(repr=False)
    verification_id: bytes
    final_status: CodeStatus | None = None

    def status(self, now: datetime) -> CodeStatus:
        """Return the status of its code at *now*."""
        if self.final_status:
            return self.final_status
        return CodeStatus.PENDING if now < self.expires_at else CodeStatus.EXPIRED


class InboxStore(Protocol):
    """The stored messages of the inbox."""

    def list_messages(self) -> list[InboxMessage]:
        """Return all messages, newest first."""

    def clear(self) -> None:
        """Delete all messages."""

    def simulated_outcome(self) -> SimulatedOutcome:
        """Return the outcome of the next messages."""

    def simulate(self, outcome: SimulatedOutcome) -> None:
        """Set the outcome of the next messages, for an hour."""
