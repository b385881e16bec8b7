"""How long a carrier takes, and what it comes to."""

from __future__ import annotations

from time import perf_counter

from otp_engine.domain.messages import Message
from otp_engine.errors import OTPError
from otp_engine.resilience.metrics import Metrics
from otp_engine.senders.carrier import Carrier


class Measured:
    """Tells a meter of each message that the carrier behind it was given."""

    def __init__(self, carrier: Carrier, meter: Metrics) -> None:
        """Send by *carrier*, and tell *meter*."""
        self.name = carrier.name
        self._carrier = carrier
        self._meter = meter

    def send(self, message: Message) -> None:
        """Return once the carrier has accepted *message*."""
        began = perf_counter()
        outcome: str = "unexpected"
        error: str | None = "unexpected"
        try:
            self._carrier.send(message)
            outcome, error = "accepted", None
        except OTPError as refusal:
            outcome = refusal.name
            error = str(refusal.carrier_error or refusal.name)
            raise
        finally:
            self._meter.observe_delivery(
                self.name, perf_counter() - began, outcome, error
            )

    def ping(self) -> None:
        """Answer, if the carrier does."""
        self._carrier.ping()
