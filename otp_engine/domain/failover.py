"""Several senders in order of preference."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial

from otp_engine.domain.messages.templates import Message
from otp_engine.domain.ports import Accepted, Deliver, Sender
from otp_engine.errors import DeliveryFailed, Overloaded, ProviderUnavailable

log = logging.getLogger(__name__)


class FailoverSender:
    """Sends through the first of several senders that can deliver the message.

    It uses the next sender only when the message was certainly not sent. After a
    timeout the recipient could get two messages, and the operator two bills. A
    rejection of the number itself would be repeated by the next sender.
    """

    def __init__(self, senders: Sequence[Sender]) -> None:
        """Create the sender.

        Args:
            senders: At least one, in order of preference.
        """
        self.senders = tuple(senders)
        self.name = ",".join(sender.name for sender in senders)
        self.channels = senders[0].channels
        self.reports_delivery = False

    @contextmanager
    def acquire_slot(self) -> Iterator[Deliver]:
        """Reserve a slot at the first sender that has one.

        Yields:
            A function that sends one message, and returns once a provider accepted it.

        Raises:
            ProviderUnavailable, Overloaded: No sender has a slot. The error is that of
                the last sender.
        """
        with ExitStack() as reservation:
            send, fallbacks = self._reserve_first_available(reservation)
            yield partial(self._send, send, fallbacks)

    def ping(self) -> None:
        """Check that every sender accepts messages; see `Sender.ping`."""
        for sender in self.senders:
            sender.ping()

    def _reserve_first_available(
        self, reservation: ExitStack
    ) -> tuple[Deliver, Sequence[Sender]]:
        *preferred, last = self.senders
        for position, sender in enumerate(preferred, start=1):
            with suppress(ProviderUnavailable, Overloaded):
                send = reservation.enter_context(sender.acquire_slot())
                return send, self.senders[position:]
            log.warning("%s: no slot; the next sender gets the message", sender.name)
        return reservation.enter_context(last.acquire_slot()), ()

    def _send(
        self, send: Deliver, fallbacks: Sequence[Sender], message: Message
    ) -> Accepted:
        try:
            return send(message)
        except (ProviderUnavailable, DeliveryFailed) as error:
            if not fallbacks or not _may_fail_over(error):
                raise
            log.warning("%s: the next sender gets the message", error.error_code)
            with FailoverSender(fallbacks).acquire_slot() as send_next:
                return send_next(message)


def _may_fail_over(error: ProviderUnavailable | DeliveryFailed) -> bool:
    return isinstance(error, ProviderUnavailable) or error.retry_elsewhere
