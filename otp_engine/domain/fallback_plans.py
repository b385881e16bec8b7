"""The plan of a fallback: what it sends, and by which steps."""

from __future__ import annotations

from dataclasses import dataclass, replace

from otp_engine.domain.deliveries import TrackedDelivery
from otp_engine.domain.models import SendRequest
from otp_engine.domain.routing.steps import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class FallbackPlan:
    """What the fallback of a delivery sends.

    Attributes:
        request: The send, without its requester. A bound verification has its id in it.
        verification_id: Id of the verification, 16 bytes; the fallback needs this one
            to be live.
        steps: The steps that it can take, in order.
    """

    request: SendRequest
    verification_id: bytes
    steps: tuple[Step, ...]

    @classmethod
    def from_delivery(cls, delivery: TrackedDelivery) -> FallbackPlan | None:
        """Return the plan of a delivery.

        Returns:
            None if no fallback can follow.
        """
        if not delivery.has_fallback:
            return None
        request = replace(
            delivery.request,
            channel=None,
            client_ip=None,
            extra_hits=(),
            bind=False,
            bound_id=delivery.phone.bound,
        )
        return cls(
            request=request,
            verification_id=delivery.verification_id,
            steps=delivery.later_steps,
        )
