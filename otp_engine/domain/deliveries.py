"""Deliveries: messages that were handed to a provider."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from otp_engine.domain.models import Channel, SendRequest
from otp_engine.domain.phones.phone_keys import PhoneKey
from otp_engine.domain.recipients import PseudonymousRecipient
from otp_engine.domain.routing.steps import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedDelivery:
    """A delivery, with what a fallback of it needs.

    Attributes:
        delivery_id: Names the message towards the provider; see `delivery_ids`.
        verification_id: Id of the verification, 16 bytes.
        phone: The key of the phone.
        recipient: The recipient.
        channel: The channel of the message.
        provider: Name of the provider; None if the hand-over has no known provider.
        message_id: The provider's id of the message; None without one.
        confirmed: Whether the provider accepted the message.
        reports_delivery: Whether delivery reports of the provider reach this service.
        fallback_after: Time without a report of its arrival after which a fallback
            follows; zero means that a silence leads to none.
        later_steps: The steps that a fallback can take, in order.
        request: The send.
        expires_at: When the code expires, in UTC.
        is_fallback: Whether the delivery is the fallback of another one.
    """

    delivery_id: str
    verification_id: bytes
    phone: PhoneKey
    recipient: PseudonymousRecipient
    channel: Channel
    provider: str | None
    message_id: str | None
    confirmed: bool
    reports_delivery: bool
    fallback_after: timedelta
    later_steps: tuple[Step, ...]
    request: SendRequest
    expires_at: datetime
    is_fallback: bool = False

    @property
    def has_fallback(self) -> bool:
        """Whether a fallback can follow.

        Without reports the service would never know that a message was undelivered.
        """
        return self.reports_delivery and bool(self.later_steps)


def ignore_delivery(_delivery: TrackedDelivery) -> None:
    """Do nothing."""
