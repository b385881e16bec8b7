"""A provider with a chosen outcome, for tests of an application in dev mode."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from threading import Event, Timer

from otp_engine.domain.messages.delivery_reports import DeliveryReport, DeliveryStatus
from otp_engine.domain.messages.inbox import SimulatedOutcome
from otp_engine.domain.messages.templates import Message
from otp_engine.domain.models import Channel
from otp_engine.errors import DeliveryFailed, DeliveryUnconfirmed
from otp_engine.senders.provider import Provider

_HANG = 15.0  # seconds; longer than a request waits for a provider
# Seconds after the message, or after the report before.
_SENT_DELAY, _DELIVERED_DELAY, _READ_DELAY = 0.5, 1.5, 3.0
_APPS = frozenset({Channel.WHATSAPP, Channel.TELEGRAM})


def _hang() -> None:
    Event().wait(_HANG)


def _run_later(delay: float, function: Callable[[], None]) -> None:
    timer = Timer(delay, function)
    timer.daemon = True
    timer.start()


class SimulatedProvider:
    """Passes messages to another provider, or fails as real providers do.

    Its delivery reports follow some time after the message, as those of real providers.
    """

    has_deadline = False
    reports_delivery = True

    def __init__(  # noqa: PLR0913 - three dependencies, and what tests replace
        self,
        provider: Provider,
        outcomes: Callable[[], Mapping[Channel, SimulatedOutcome]],
        report: Callable[[DeliveryReport], None],
        *,
        slow_delay: float,
        hang: Callable[[], None] = _hang,
        run_later: Callable[[float, Callable[[], None]], None] = _run_later,
    ) -> None:
        """Wrap a provider.

        Args:
            provider: Gets the messages that are accepted.
            outcomes: Returns the outcome of the next message of each channel.
            report: Receives the delivery reports.
            slow_delay: Seconds until the report of a slow message.
            hang: Returns after more time than a request waits.
            run_later: Calls a function after a number of seconds.
        """
        self.name = provider.name
        self.channels = provider.channels
        self._provider = provider
        self._outcomes = outcomes
        self._report = report
        self._slow_delay = slow_delay
        self._hang = hang
        self._run_later = run_later

    def send(self, message: Message) -> str | None:
        """Send *message* with the chosen outcome; see `Provider.send`."""
        outcome = self._outcomes()[message.channel]
        if outcome == SimulatedOutcome.REJECTED:
            raise DeliveryFailed(retry_elsewhere=True)
        if outcome == SimulatedOutcome.UNCONFIRMED:
            self._hang()
            raise DeliveryUnconfirmed
        message_id = self._provider.send(message)
        self._report_later(message, outcome)
        return message_id

    def ping(self) -> None:
        """Check the wrapped provider; see `Provider.ping`."""
        self._provider.ping()

    def _report_later(self, message: Message, outcome: SimulatedOutcome) -> None:
        # Text messages, calls and e-mails need no app, and are delivered.
        is_app = message.channel in _APPS
        is_missing = is_app and outcome == SimulatedOutcome.NOT_ON_CHANNEL
        if outcome == SimulatedOutcome.SLOW:
            reports = [(self._slow_delay, DeliveryStatus.DELIVERED)]
        elif is_missing or outcome == SimulatedOutcome.UNDELIVERED:
            reports = [
                (_SENT_DELAY, DeliveryStatus.SENT),
                (_DELIVERED_DELAY, DeliveryStatus.UNDELIVERED),
            ]
        else:
            reports = [
                (_SENT_DELAY, DeliveryStatus.SENT),
                (_DELIVERED_DELAY, DeliveryStatus.DELIVERED),
            ]
            if is_app:
                reports.append((_READ_DELAY, DeliveryStatus.READ))
        self._report_in_turn(message, reports, is_missing=is_missing)

    def _report_in_turn(
        self,
        message: Message,
        reports: Sequence[tuple[float, DeliveryStatus]],
        *,
        is_missing: bool,
    ) -> None:
        """Report each status after its delay in seconds."""
        if not reports:
            return
        (delay, status), *rest = reports
        report = DeliveryReport(
            delivery_id=message.delivery_id,
            message_id="",
            status=status,
            provider=self.name,
            channel=message.channel,
            to=message.to,
            not_on_channel=is_missing and status.is_failure,
        )

        def run() -> None:
            self._report(report)
            self._report_in_turn(message, rest, is_missing=is_missing)

        self._run_later(delay, run)
