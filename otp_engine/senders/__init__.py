"""How a code leaves: one module a carrier, and the table that names them.

A new one is a class that does what `carrier.Carrier` says, and one line in `build`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from otp_engine.config import Settings
from otp_engine.domain.messages import Message
from otp_engine.domain.ports import Sender
from otp_engine.domain.receipts import ReadReceipt
from otp_engine.resilience.circuit_breaker import CircuitBreaker
from otp_engine.resilience.metrics import NULL_METRICS, Metrics
from otp_engine.senders.breaker import Breaker
from otp_engine.senders.carrier import Carrier
from otp_engine.senders.console import ConsoleSender
from otp_engine.senders.in_flight import InFlight
from otp_engine.senders.in_order import InOrder
from otp_engine.senders.kept import Kept
from otp_engine.senders.measured import Measured

_FAILURES = 5
_PAUSE = timedelta(seconds=10)


def _nothing(_message: Message) -> None:
    """Keep nothing."""


def build(
    settings: Settings,
    *,
    in_flight: int,
    meter: Metrics = NULL_METRICS,
    keep: Callable[[Message], None] = _nothing,
) -> Sender:
    """Build the senders that *settings* name.

    Args:
        settings: What the operator decided.
        in_flight: The most that may wait for each of them at once.
        meter: Is told how long each message took, and what it came to.
        keep: Is given each message of the local stack, to be looked at.
    """
    console = ConsoleSender()
    known: dict[str, Callable[[], Carrier]] = {
        "console": lambda: Kept(console, keep) if settings.inbox else console,
        "twilio": lambda: _twilio(settings),
    }
    senders = [
        Breaker(
            InFlight(Measured(known[name](), meter), in_flight),
            CircuitBreaker(_FAILURES, _PAUSE),
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
