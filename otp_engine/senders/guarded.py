"""A sender that limits the effects of a slow or failing provider."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from threading import BoundedSemaphore
from time import perf_counter

from otp_engine.domain.messages.templates import Message
from otp_engine.domain.ports import Accepted, Deliver
from otp_engine.domain.routing.health_recorder import (
    NULL_HEALTH_RECORDER,
    HealthRecorder,
)
from otp_engine.domain.routing.steps import Step
from otp_engine.errors import (
    DeliveryUnconfirmed,
    OTPError,
    Overloaded,
    ProviderUnavailable,
)
from otp_engine.resilience.circuit_breaker import CircuitBreaker
from otp_engine.resilience.dependency_metrics import NULL_METRICS, DependencyMetrics
from otp_engine.resilience.time_limit import call_within
from otp_engine.senders.provider import ConfirmingProvider, Provider

log = logging.getLogger(__name__)

# For providers without a deadline of their own. The timeouts of most HTTP clients apply
# to each piece of a response, and a response byte by byte never triggers them.
_TIMEOUT = timedelta(seconds=12)
_CONFIRM_TIMEOUT = 5.0  # seconds


class _Slot:
    """A slot for one message; as a generator it would take twice as much CPU."""

    __slots__ = ("_release", "_send")

    def __init__(
        self, send: Callable[[_Slot, Message], Accepted], release: Callable[[], None]
    ) -> None:
        self._send = send
        self._release: Callable[[], None] | None = release

    def __enter__(self) -> Deliver:
        return partial(self._send, self)

    def __exit__(self, *_: object) -> None:
        if self._release:
            self._release()

    def take_over(self) -> Callable[[], None]:
        """Return the function that releases the slot, in place of its context."""
        if not self._release:
            raise AssertionError
        release, self._release = self._release, None
        return release


class GuardedSender:
    """Sends through one provider, with a limit on concurrency, time and failures.

    A provider that hangs holds one thread per message. Without `max_concurrent` it
    would soon hold every thread of the worker, and no code could be checked.
    """

    def __init__(  # noqa: PLR0913 - two dependencies and options with defaults
        self,
        provider: Provider,
        breaker: CircuitBreaker,
        *,
        max_concurrent: int,
        timeout: timedelta = _TIMEOUT,
        metrics: DependencyMetrics = NULL_METRICS,
        health: HealthRecorder = NULL_HEALTH_RECORDER,
        on_accepted: Callable[[Message], object] | None = None,
    ) -> None:
        """Create the sender.

        Args:
            provider: Delivers the messages.
            breaker: Rejects messages while the provider does not answer.
            max_concurrent: Number of messages that may wait for the provider at once.
            timeout: Maximum time that a request waits for a provider without a deadline
                of its own.
            metrics: Records the duration and the outcome of each message.
            health: Counts what happens to the messages.
            on_accepted: Called with each accepted message, in the sending thread.
        """
        self.name = provider.name
        self.channels = tuple(provider.channels)
        self.reports_delivery = provider.reports_delivery
        self.confirms = isinstance(provider, ConfirmingProvider)
        self._provider = provider
        self._breaker = breaker
        self._timeout = timeout.total_seconds()
        self._metrics = metrics
        self._health = health
        self._on_accepted = on_accepted
        self._slots = BoundedSemaphore(max_concurrent)

    def acquire_slot(self) -> AbstractContextManager[Deliver]:
        """Reserve a slot for one message.

        A reservation is no probe of an open breaker: a limit may still refuse the
        request before its message is sent.

        Returns:
            A context with a function that sends one message, and returns once it was
            accepted.

        Raises:
            ProviderUnavailable: The breaker is open for another `retry_after`.
            Overloaded: Every slot is reserved.
        """
        if open_for := self._breaker.open_for():
            raise ProviderUnavailable(retry_after=open_for)
        if not self._slots.acquire(blocking=False):
            raise Overloaded
        return _Slot(self._send, self._slots.release)

    def ping(self) -> None:
        """Check that the provider accepts messages; see `Provider.ping`."""
        self._provider.ping()

    def confirm(self, message_id: str) -> None:
        """Report that the code of a message was entered, if the provider wants that.

        A failure is only logged: it has no effect on any message.

        Args:
            message_id: The provider's id of the message.
        """
        if not isinstance(self._provider, ConfirmingProvider):
            return
        report = partial(self._provider.confirm, message_id)
        try:
            call_within(_CONFIRM_TIMEOUT, report, thread_name="confirming")
        except Exception as error:  # noqa: BLE001 - see above
            log.warning("%s: not confirmed: %s", self.name, type(error).__name__)

    def _send(self, slot: _Slot, message: Message) -> Accepted:
        try:
            message_id = self._send_through_breaker(slot, message)
        except OTPError as error:
            error.provider = self.name
            raise
        return Accepted(self.name, message_id)

    def _send_through_breaker(self, slot: _Slot, message: Message) -> str | None:
        if not self._breaker.try_acquire():
            raise ProviderUnavailable(retry_after=self._breaker.open_for())
        step = Step(message.channel, self.name)
        try:
            if self._provider.has_deadline:
                message_id = self._call_provider(message)
            else:
                message_id = self._call_within_timeout(slot, message)
        except (ProviderUnavailable, DeliveryUnconfirmed):
            self._health.count_error(step)
            if self._breaker.record_failure():
                log.error("%s: the circuit breaker is open", self.name)  # noqa: TRY400 - each error is logged where it occurs
            raise
        except Overloaded:
            # The provider has not got the message.
            raise
        except OTPError:
            # The provider rejected this message, so it is reachable.
            self._breaker.record_success()
            raise
        except Exception:
            self._health.count_error(step)
            raise
        self._breaker.record_success()
        self._health.count_accepted(step, reports_delivery=self.reports_delivery)
        return message_id

    def _call_within_timeout(self, slot: _Slot, message: Message) -> str | None:
        # The thread owns the slot: a message that times out continues, and keeps its
        # slot until the provider answers.
        release = slot.take_over()

        def call() -> str | None:
            try:
                return self._call_provider(message)
            finally:
                release()

        try:
            return call_within(self._timeout, call, thread_name="sending")
        except TimeoutError:
            raise DeliveryUnconfirmed from None
        except Overloaded:
            release()
            raise

    def _call_provider(self, message: Message) -> str | None:
        started = perf_counter()
        outcome: str = "unexpected"
        error: str | None = "unexpected"
        try:
            message_id = self._provider.send(message)
            if self._on_accepted:
                self._on_accepted(message)
        except OTPError as rejection:
            outcome = rejection.error_code
            error = str(rejection.provider_error or rejection.error_code)
            raise
        else:
            outcome, error = "accepted", None
            return message_id
        finally:
            duration = perf_counter() - started
            self._metrics.observe_delivery(self.name, duration, outcome, error)
