"""Delivery reports: the provider's later statuses of an accepted message."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from otp_engine.domain.models import Channel


class DeliveryStatus(StrEnum):
    """The status of a delivery; one that is later in this list replaces earlier ones.

    A phone that is on again, or another device of the recipient, can receive a message
    after the provider has given it up, so `delivered` replaces `failed`.
    """

    QUEUED = "queued"
    SENT = "sent"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    DELIVERED = "delivered"
    READ = "read"

    @property
    def rank(self) -> int:
        """The rank: a status replaces those of a lower rank only."""
        return _RANKS[self]

    @property
    def is_failure(self) -> bool:
        """Whether the provider reports that the message will not arrive."""
        return self.rank == _RANKS[DeliveryStatus.FAILED]

    @property
    def has_arrived(self) -> bool:
        """Whether the message has arrived."""
        return self.rank >= _RANKS[DeliveryStatus.DELIVERED]


_RANKS = {
    DeliveryStatus.QUEUED: 0,
    DeliveryStatus.SENT: 1,
    DeliveryStatus.UNDELIVERED: 2,
    DeliveryStatus.FAILED: 2,
    DeliveryStatus.DELIVERED: 3,
    DeliveryStatus.READ: 4,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryReport:
    """One status of a message, as its provider reports it.

    Attributes:
        delivery_id: Id of the delivery, 40 hexadecimal digits; None in a report that
            has none.
        message_id: The provider's id of the message.
        status: The status.
        provider: Name of the provider.
        channel: The channel of the message.
        provider_error: The provider's error code, if the report has one.
        to: The number in E.164, or the e-mail address; empty if the report has none.
        not_on_channel: Whether the recipient cannot be reached on the channel.
    """

    delivery_id: str | None
    message_id: str
    status: DeliveryStatus
    provider: str
    channel: Channel
    provider_error: str | int | None = None
    to: str = field(default="", repr=False)
    not_on_channel: bool = False
