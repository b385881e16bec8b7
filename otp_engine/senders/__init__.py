"""How a code leaves: one module a carrier, and the table that names them.

A new one is a class that does what `carrier.Carrier` says, and one line in `build`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from otp_engine.config import Settings
from otp_engine.domain.circuit import Circuit
from otp_engine.domain.meter import UNMETERED, Meter
from otp_engine.domain.ports import Sender
from otp_engine.domain.receipts import ReadReceipt
from otp_engine.senders.breaker import Breaker
from otp_engine.senders.carrier import Carrier
from otp_engine.senders.console import ConsoleSender
from otp_engine.senders.in_flight import InFlight
from otp_engine.senders.in_order import InOrder
from otp_engine.senders.measured import Measured

_FAILURES = 5
_PAUSE = timedelta(seconds=10)


def build(settings: Settings, *, in_flight: int, meter: Meter = UNMETERED) -> Sender:
    """Build the senders that *settings* name, with a cap of *in_flight* on each.

    The *meter* is told how long each message took, and what it came to.
    """
    known: dict[str, Callable[[], Carrier]] = {
        "console": ConsoleSender,
        "twilio": lambda: _twilio(settings),
    }
    senders = [
        Breaker(
            InFlight(Measured(known[name](), meter), in_flight),
            Circuit(_FAILURES, _PAUSE),
        )
        for name in settings.senders
    ]
    return senders[0] if len(senders) == 1 else InOrder(senders)


def _twilio(settings: Settings) -> Carrier:
    # The SDK takes a fifth of a second and 27 MB to import; only those who use it pay.
    from otp_engine.senders.twilio import TwilioSender  # noqa: PLC0415 - see above

    if settings.twilio is None:
        raise AssertionError(settings)
    return TwilioSender(settings.twilio, callback=settings.twilio_callback)


def receipts(settings: Settings) -> ReadReceipt | None:
    """What reads the reports of the carriers that report; none of them does."""
    if not (settings.twilio and settings.twilio.token and settings.twilio_callback):
        return None
    from otp_engine.senders.twilio_receipts import Receipts  # noqa: PLC0415 - as above

    return Receipts(settings.twilio.token, settings.twilio_callback).read
