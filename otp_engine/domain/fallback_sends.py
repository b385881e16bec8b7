"""A fallback as a send.

    phone ─▶ global limits ─▶ hash ─▶ commit ─▶ mark ─▶ provider

The requester is not counted again, because it has not requested this message. The phone
has no cooldown for it, and none after it: a recipient can request a new message at the
time that the answer to the last request has named. All other rules apply as they are at
this time, and a rule that refuses ends the fallback.

The mark comes just before the hand-over. A crash before it leaves the fallback to
another worker, and after it the message may or may not have been handed over, so no
other worker sends it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.fallback_plans import FallbackPlan
from otp_engine.domain.limits.limits import WindowUsage
from otp_engine.domain.models import SendReservation
from otp_engine.domain.phones.phone_keys import PhoneKey
from otp_engine.domain.ports import Accepted
from otp_engine.domain.routing import plan as routing_plan
from otp_engine.domain.routing.step_walk import StepWalk
from otp_engine.domain.sends import Send
from otp_engine.errors import (
    OTPError,
    ProviderUnavailable,
    Unavailable,
    VerificationNotFound,
)

if TYPE_CHECKING:
    from otp_engine.domain.engine import Engine


class FallbackSend(Send):
    """A fallback in progress."""

    is_fallback = True

    def __init__(
        self, engine: Engine, plan: FallbackPlan, mark: Callable[[], bool]
    ) -> None:
        """Start a fallback; `run` does the rest.

        Args:
            engine: The engine.
            plan: What to send.
            mark: Marks the fallback as used; returns whether the message may be handed
                over.
        """
        super().__init__(engine, plan.request)
        self._reservations.is_fallback = True
        self._fallback = plan
        self._mark = mark

    def _plan(self) -> StepWalk:
        """Return the steps of the plan that the rules allow by now.

        Raises:
            ProviderUnavailable: This instance has no provider of the plan, and another
                one can have one, as during a change of the settings.
            OTPError: A rule refuses every step.
        """
        engine, request = self._engine, self._request
        channels = engine.channels_by_provider
        steps = [
            step
            for step in self._fallback.steps
            if step.channel in channels.get(step.provider, ())
        ]
        if not steps:
            raise ProviderUnavailable(retry_after=timedelta())
        permitted = routing_plan.permitted(steps, request, engine.policy)
        return self._start_walk(engine.prefer(permitted))

    def _count_requester(self) -> list[WindowUsage]:
        return []

    def _new_parameters(self) -> None:
        """Return None: a fallback starts no verification."""

    def _reserve(self) -> tuple[Pepper, PhoneKey, SendReservation]:
        """Count a send of the phone, if its verification is the one of the plan."""
        pepper, phone, reservation = super()._reserve()
        live = reservation.hash_parameters.verification_id
        if live != self._fallback.verification_id:
            raise VerificationNotFound
        return pepper, phone, reservation

    def _deliver(self) -> tuple[Accepted | None, bool]:
        """Mark the fallback as used, and deliver the message."""
        try:
            if not self._mark():
                raise VerificationNotFound
        except OTPError as error:
            self._reservations.release(error)
            raise
        return super()._deliver()

    def _refuse(self, error: OTPError) -> None:
        """Emit the events of a rule that refused.

        An ended verification has none, and neither has a fallback that is due again:
        it would have one after each lease.
        """
        if not isinstance(error, VerificationNotFound | Unavailable):
            super()._refuse(error)
