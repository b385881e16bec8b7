"""A sender that limits the effects of a slow or failing provider."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from contextvars import copy_context
from datetime import timedelta
from functools import partial
from threading import BoundedSemaphore
from time import perf_counter

from otp_engine.domain.messages.templates import Message
from otp_engine.domain.ports import Deliver
from otp_engine.errors import (
    DeliveryUnconfirmed,
    OTPError,
    Overloaded,
    ProviderUnavailable,
)
from otp_engine.resilience.circuit_breaker import CircuitBreaker
from otp_engine.resilience.dependency_metrics import NULL_METRICS, DependencyMetrics
from otp_engine.senders.provider import Provider

log = logging.getLogger(__name__)

# A provider's own timeouts apply to each piece of a response. A response that arrives
# one byte at a time never triggers them.
_TIMEOUT = timedelta(seconds=12)


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
        on_accepted: Callable[[Message], object] | None = None,
    ) -> None:
        """Create the sender and its threads.

        Args:
            provider: Delivers the messages.
            breaker: Rejects messages while the provider does not answer.
            max_concurrent: Number of messages that may wait for the provider at once.
            timeout: Maximum time that a request waits for the provider.
            metrics: Records the duration and the outcome of each message.
            on_accepted: Called with each accepted message, in the sending thread.
        """
        self.name = provider.name
        self._provider = provider
        self._breaker = breaker
        self._timeout = timeout.total_seconds()
        self._metrics = metrics
        self._on_accepted = on_accepted
        self._slots = BoundedSemaphore(max_concurrent)
        self._threads = ThreadPoolExecutor(max_concurrent, thread_name_prefix="sending")

    @contextmanager
    def acquire_slot(self) -> Iterator[Deliver]:
        """Reserve a slot for one message.

        A reservation is no probe of an open breaker: a limit may still refuse the
        request before its message is sent.

        Yields:
            A function that sends one message, and returns once it was accepted.

        Raises:
            ProviderUnavailable: The breaker is open for another `retry_after`.
            Overloaded: Every slot is reserved.
        """
        if open_for := self._breaker.open_for():
            raise ProviderUnavailable(retry_after=open_for)
        if not self._slots.acquire(blocking=False):
            raise Overloaded
        with ExitStack() as slot:
            slot.callback(self._slots.release)
            yield partial(self._send, slot)

    def ping(self) -> None:
        """Check that the provider accepts messages; see `Provider.ping`."""
        self._provider.ping()

    def _send(self, slot: ExitStack, message: Message) -> None:
        if not self._breaker.try_acquire():
            raise ProviderUnavailable(retry_after=self._breaker.open_for())
        try:
            self._send_within_timeout(slot, message)
        except (ProviderUnavailable, DeliveryUnconfirmed):
            if self._breaker.record_failure():
                log.error("%s: the circuit breaker is open", self.name)  # noqa: TRY400 - each error is logged where it occurs
            raise
        except OTPError:
            # The provider rejected this message, so it is reachable.
            self._breaker.record_success()
            raise
        self._breaker.record_success()

    def _send_within_timeout(self, slot: ExitStack, message: Message) -> None:
        # The thread owns the slot from here on: a message that times out continues, and
        # keeps its slot until the provider answers.
        sending = self._threads.submit(
            # In a copy of the context, so that its log lines have the request id.
            copy_context().run,
            self._call_provider,
            slot.pop_all(),
            message,
        )
        if not wait([sending], self._timeout).done:
            raise DeliveryUnconfirmed
        sending.result()

    def _call_provider(self, slot: ExitStack, message: Message) -> None:
        started = perf_counter()
        outcome: str = "unexpected"
        error: str | None = "unexpected"
        with slot:
            try:
                self._provider.send(message)
                if self._on_accepted:
                    self._on_accepted(message)
                outcome, error = "accepted", None
            except OTPError as rejection:
                outcome = rejection.error_code
                error = str(rejection.provider_error or rejection.error_code)
                raise
            finally:
                duration = perf_counter() - started
                self._metrics.observe_delivery(self.name, duration, outcome, error)
