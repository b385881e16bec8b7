"""The inbox of dev mode: the messages that recipients would receive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from otp_engine.domain.messages.delivery_reports import DeliveryStatus
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
    SLOW = "slow"
    NOT_ON_CHANNEL = "not_on_channel"


@dataclass(frozen=True, slots=True)
class StatusTime:
    """A delivery status, and when it was reported.

    Attributes:
        status: The status.
        at: The time in UTC.
    """

    status: DeliveryStatus
    at: datetime


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
        delivery_id: Id of the delivery; empty in messages of earlier releases.
        provider: Name of the provider.
        subject: Subject of an e-mail; None for other channels.
        final_status: Final status of the verification; None while it is pending.
        statuses: The delivery statuses, oldest first.
        is_fallback: Whether the message is a fallback of an earlier one.
    """

    sent_at: datetime
    expires_at: datetime
    to: str = field(repr=False)
    channel: Channel
    locale: str | None
    body: str = field(repr=False)
    code: str = field(repr=False)
    verification_id: bytes
    delivery_id: str = ""
    provider: str = "console"
    subject: str | None = None
    final_status: CodeStatus | None = None
    statuses: tuple[StatusTime, ...] = ()
    is_fallback: bool = False

    @property
    def delivery_status(self) -> DeliveryStatus:
        """The delivery status with the highest rank; `queued` without a report."""
        statuses = (each.status for each in self.statuses)
        return max(statuses, key=lambda each: each.rank, default=DeliveryStatus.QUEUED)

    def status(self, now: datetime) -> CodeStatus:
        """Return the status of its code at *now*."""
        if self.final_status:
            return self.final_status
        if self.delivery_status.is_failure:
            return CodeStatus.UNDELIVERED
        return CodeStatus.PENDING if now < self.expires_at else CodeStatus.EXPIRED


class InboxStore(Protocol):
    """The stored messages of the inbox."""

    def list_messages(self) -> list[InboxMessage]:
        """Return all messages, newest first."""

    def clear(self) -> None:
        """Delete all messages."""

    def simulated_outcomes(self) -> Mapping[Channel, SimulatedOutcome]:
        """Return the outcome of the next messages of each channel."""

    def simulate(
        self, outcome: SimulatedOutcome, channel: Channel | None = None
    ) -> None:
        """Set the outcome of the next messages, for an hour.

        Args:
            outcome: The outcome.
            channel: The channel; None for all.
        """
