"""Feedback to providers: the code of a message was entered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.delivery_records import StoredDelivery
from otp_engine.domain.events import VerificationApproved
from otp_engine.domain.messages import delivery_ids


class DeliveryLister(Protocol):
    """Reads deliveries."""

    def list_deliveries(self, tag: str) -> list[StoredDelivery]:
        """Return the deliveries of a verification, oldest first.

        Args:
            tag: The part of the ids that names the verification.

        Raises:
            StoreUnavailable: The store does not answer.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFeedback:
    """Reports entered codes to the providers of their messages.

    Attributes:
        store: Reads the deliveries.
        peppers: The current pepper, then the previous one during a rotation.
        confirm: Reports an id of a message, by the name of its provider.
    """

    store: DeliveryLister
    peppers: tuple[Pepper, ...]
    confirm: Mapping[str, Callable[[str], object]]

    def send(self, event: VerificationApproved) -> None:
        """Report the last message of the channel of an approval to its provider.

        Raises:
            StoreUnavailable: The store does not answer.
        """
        for pepper in self.peppers:
            tag = delivery_ids.tag(pepper, event.verification_id)
            for delivery in reversed(self.store.list_deliveries(tag)):
                record = delivery.record
                if record.channel == event.channel:
                    confirm = self.confirm.get(record.provider)
                    if confirm and record.message_id:
                        confirm(record.message_id)
                    return
