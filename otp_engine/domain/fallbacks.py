"""Fallbacks: they are stored with their delivery, scheduled, and run once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Container
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from otp_engine.domain.deliveries import TrackedDelivery
from otp_engine.domain.delivery_records import DeliveryRecord
from otp_engine.domain.fallback_plans import FallbackPlan
from otp_engine.domain.messages.delivery_reports import DeliveryStatus
from otp_engine.domain.models import Channel
from otp_engine.errors import OTPError, Unavailable

log = logging.getLogger(__name__)

# A phone rings for half a minute, and the recipient hears a prompt before the code.
_SILENCE_OF_CALL = timedelta(minutes=1)


class FallbackStore(Protocol):
    """Stores deliveries with their fallbacks; methods raise `StoreUnavailable`."""

    def track(
        self,
        delivery_id: str,
        record: DeliveryRecord,
        *,
        code_expires_at: datetime,
        plan: bytes = b"",
    ) -> DeliveryStatus | None:
        """Store a delivery.

        Args:
            delivery_id: Its id.
            record: The delivery.
            code_expires_at: When its code expires.
            plan: The encrypted plan of its fallback; empty without one.

        Returns:
            The status of a report that arrived before.
        """

    def schedule_fallback(self, delivery_id: str, *, after: timedelta) -> None:
        """Set when the fallback of a delivery is due, unless a worker has claimed it.

        Args:
            delivery_id: Id of the delivery.
            after: Time until then.
        """

    def read_plan(self, delivery_id: str) -> bytes | None:
        """Return the encrypted plan of a fallback.

        Returns:
            None if it was used or has ended, or the code of its delivery has expired.
        """

    def mark_fallback(self, delivery_id: str) -> bool:
        """Mark a fallback as used; return whether its message may be handed over."""

    def end_fallback(self, delivery_id: str) -> None:
        """Delete what is stored of a fallback."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryTracker:
    """Stores deliveries, and schedules their fallbacks.

    Attributes:
        store: Stores them.
        encrypt: Encrypts the plan of the fallback of the delivery with this id.
        on_due: Called with the time until a fallback is due.
        confirming: Names of the providers that get feedback.
        reporting: Names of the providers that report some of their messages only.
    """

    store: FallbackStore
    encrypt: Callable[[FallbackPlan, str], bytes]
    on_due: Callable[[timedelta], object]
    confirming: Container[str] = ()
    reporting: Container[str] = ()

    def is_tracked(self, delivery: TrackedDelivery) -> bool:
        """Return whether anything will refer to a delivery: a report, or feedback."""
        if delivery.provider is None:
            return False
        has_feedback = delivery.message_id and delivery.provider in self.confirming
        may_report = delivery.reports_delivery or delivery.provider in self.reporting
        return may_report or bool(has_feedback)

    def track(self, delivery: TrackedDelivery) -> None:
        """Store a delivery that is tracked, and schedule its fallback.

        A silence counts if the outcome of the hand-over is known, and until the code
        expires. A report that arrived before can have started the fallback.

        Args:
            delivery: The delivery.

        Raises:
            StoreUnavailable: The store does not answer.
        """
        if delivery.provider is None:
            raise AssertionError
        plan = FallbackPlan.from_delivery(delivery)
        status = self.store.track(
            delivery.delivery_id,
            _record(delivery, delivery.provider),
            code_expires_at=delivery.expires_at,
            plan=self.encrypt(plan, delivery.delivery_id) if plan else b"",
        )
        if plan is None or (status and status.has_arrived):
            return
        if status and status.is_failure:
            self._schedule(delivery, timedelta())
        elif delivery.confirmed and delivery.fallback_after:
            self._schedule(delivery, _silence(delivery))

    def _schedule(self, delivery: TrackedDelivery, after: timedelta) -> None:
        self.store.schedule_fallback(delivery.delivery_id, after=after)
        self.on_due(after)


def _silence(delivery: TrackedDelivery) -> timedelta:
    """Return the time without a report of arrival after which a fallback follows."""
    if delivery.channel is Channel.CALL:
        return max(delivery.fallback_after, _SILENCE_OF_CALL)
    return delivery.fallback_after


def _record(delivery: TrackedDelivery, provider: str) -> DeliveryRecord:
    return DeliveryRecord(
        verification_id=delivery.verification_id,
        recipient=delivery.recipient,
        provider=provider,
        channel=delivery.channel,
        message_id=delivery.message_id,
        phone=delivery.phone.digest,
    )


FallBack = Callable[[FallbackPlan, Callable[[], bool]], object]
"""Sends the message of a plan. The second argument marks the fallback as used, just
before the hand-over, and returns whether the message may be handed over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallbacks:
    """Runs the fallbacks that a worker has claimed.

    Attributes:
        store: Stores their plans.
        decrypt: Decrypts the plan of the delivery with this id; raises `ValueError`.
        fall_back: Sends the message of a plan, by the policy in force.
    """

    store: FallbackStore
    decrypt: Callable[[bytes, str], FallbackPlan]
    fall_back: FallBack

    def run(self, delivery_id: str) -> None:
        """Run a fallback, once.

        If the store, the provider or this instance is unavailable before the mark, the
        fallback is due again at the end of its lease.

        Args:
            delivery_id: Id of the delivery that it follows.
        """
        ciphertext = self.store.read_plan(delivery_id)
        if ciphertext:
            try:
                plan = self.decrypt(ciphertext, delivery_id)
            except ValueError as error:
                log.warning("a fallback ends: its plan %s", error)
            else:
                try:
                    self.fall_back(plan, lambda: self.store.mark_fallback(delivery_id))
                except Unavailable:
                    return
                except OTPError as error:
                    log.info("a fallback ends: %s", error.error_code)
        self.store.end_fallback(delivery_id)
