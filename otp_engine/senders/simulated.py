"""A provider with a chosen outcome, for tests of an application in dev mode."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Timer

from otp_engine.domain.messages.inbox import SimulatedOutcome
from otp_engine.domain.messages.templates import Message
from otp_engine.errors import DeliveryFailed, DeliveryUnconfirmed
from otp_engine.senders.provider import Provider

_HANG = 15.0  # seconds; longer than a request waits for a provider
_REPORT_DELAY = 2.0  # seconds


def _hang() -> None:
    Event().wait(_HANG)


def _run_later(function: Callable[[], None]) -> None:
    timer = Timer(_REPORT_DELAY, function)
    timer.daemon = True
    timer.start()


class SimulatedProvider:
    """Passes messages to another provider, or fails as real providers do."""

    has_deadline = False

    def __init__(
        self,
        provider: Provider,
        outcome: Callable[[], SimulatedOutcome],
        report_undelivered: Callable[[Message], None],
        *,
        hang: Callable[[], None] = _hang,
        run_later: Callable[[Callable[[], None]], None] = _run_later,
    ) -> None:
        """Wrap a provider.

        Args:
            provider: Gets the messages that are accepted.
            outcome: Returns the outcome of the next message.
            report_undelivered: Called some time after the send of an undelivered
                message.
            hang: Returns after more time than a request waits.
            run_later: Calls a function some time later.
        """
        self.name = provider.name
        self.channels = provider.channels
        self.reports_delivery = provider.reports_delivery
        self._provider = provider
        self._outcome = outcome
        self._report_undelivered = report_undelivered
        self._hang = hang
        self._run_later = run_later

    def send(self, message: Message) -> str | None:
        """Send *message* with the chosen outcome; see `Provider.send`."""
        outcome = self._outcome()
        if outcome == SimulatedOutcome.REJECTED:
            raise DeliveryFailed
        if outcome == SimulatedOutcome.UNCONFIRMED:
            self._hang()
            raise DeliveryUnconfirmed
        message_id = self._provider.send(message)
        if outcome == SimulatedOutcome.UNDELIVERED:
            self._run_later(lambda: self._report_undelivered(message))
        return message_id

    def ping(self) -> None:
        """Check the wrapped provider; see `Provider.ping`."""
        self._provider.ping()
