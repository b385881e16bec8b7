"""The stored deliveries of a verification, and what a report changes in them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from otp_engine.domain.messages.delivery_reports import DeliveryReport, DeliveryStatus
from otp_engine.domain.models import Channel
from otp_engine.domain.recipients import PseudonymousRecipient


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRecord:
    """A message that was handed to a provider.

    Attributes:
        verification_id: Id of the verification, 16 bytes.
        recipient: The recipient of the message.
        provider: Name of the provider.
        channel: The channel of the message.
        message_id: The provider's id of the message; None without one.
        phone: The pseudonym of the number in the keys of the store.
    """

    verification_id: bytes
    recipient: PseudonymousRecipient
    provider: str
    channel: Channel
    message_id: str | None = None
    phone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDelivery:
    """A delivery as it is stored.

    Attributes:
        delivery_id: Its id.
        record: The message.
        sent_at: When it was handed over.
        status: Its status; None without a report.
    """

    delivery_id: str
    record: DeliveryRecord
    sent_at: datetime
    status: DeliveryStatus | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChange:
    """What a report changed.

    Attributes:
        is_new: Whether the status was stored: no equal one and none of a higher rank
            was known.
        before: The status that was stored before; None without one.
        record: The delivery; None if it is not stored.
        elapsed: Time between the hand-over and the report; None without a record.
        has_fallback: Whether the delivery has a fallback that was not used.
    """

    is_new: bool
    before: DeliveryStatus | None
    record: DeliveryRecord | None
    elapsed: timedelta | None
    has_fallback: bool


class DeliveryStatusStore(Protocol):
    """Stores the status of deliveries; methods raise `StoreUnavailable`."""

    def record_status(self, report: DeliveryReport) -> StatusChange:
        """Store the status of a report, unless an equal or a later one is stored."""

    def schedule_fallback(self, delivery_id: str, *, after: timedelta) -> None:
        """Set when the fallback of a delivery is due, unless a worker has claimed it.

        Args:
            delivery_id: Id of the delivery.
            after: Time until then.
        """
