"""The walk of one message over the steps of its route."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Self

from otp_engine.domain.channels import Channel
from otp_engine.domain.messages.templates import Message
from otp_engine.domain.ports import Accepted, Deliver, Sender
from otp_engine.domain.routing.steps import Step
from otp_engine.errors import Overloaded, ProviderUnavailable

log = logging.getLogger(__name__)


class StepWalk:
    """The steps that a message can still take, and the slot of the first one.

    The walk is a context manager, which releases the slot.
    """

    def __init__(self, steps: Sequence[Step], senders: Mapping[str, Sender]) -> None:
        """Start with the first step.

        Args:
            steps: At least one step, in order of preference.
            senders: The sender of each provider.
        """
        self._steps = tuple(steps)
        self._senders = senders
        self._slot: AbstractContextManager[Deliver] | None = None
        self._deliver: Deliver | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    @property
    def step(self) -> Step:
        """The step that the message takes next."""
        return self._steps[0]

    @property
    def later(self) -> tuple[Step, ...]:
        """The steps after it."""
        return self._steps[1:]

    @property
    def channels(self) -> tuple[Channel, ...]:
        """The channels of the steps, each once, in order."""
        return tuple(dict.fromkeys(step.channel for step in self._steps))

    @property
    def sender(self) -> Sender:
        """The sender of the step."""
        return self._senders[self.step.provider]

    def probe(self) -> None:
        """Skip the steps without a free slot, and hold none.

        Raises:
            ProviderUnavailable, Overloaded: No step has one; the error of the last.
        """
        self.acquire()
        self.release()

    def acquire(self) -> None:
        """Acquire a slot of the first step that has one, and skip those before it.

        Raises:
            ProviderUnavailable, Overloaded: No step has one; the error of the last.
        """
        self.release()
        while True:
            try:
                slot = self.sender.acquire_slot()
                self._deliver = slot.__enter__()
            except (ProviderUnavailable, Overloaded) as error:
                error.provider = self.step.provider
                if not self.later:
                    raise
                reason = "its circuit breaker is open"
                if isinstance(error, Overloaded):
                    reason = "it has no free slot"
                log.warning("%s: %s; the next step gets the message", self.step, reason)
                self._steps = self.later
            else:
                self._slot = slot
                return

    def release(self) -> None:
        """Release the slot, if one is held."""
        slot, self._slot, self._deliver = self._slot, None, None
        if slot:
            slot.__exit__(None, None, None)

    def skip(self, channels: Collection[Channel]) -> bool:
        """Skip all steps with one of *channels*.

        Returns:
            Whether a step is left; without one, the walk does not change.
        """
        steps = tuple(step for step in self._steps if step.channel not in channels)
        self._steps = steps or self._steps
        return bool(steps)

    def skip_full(self) -> bool:
        """Skip the channel of the current step, and keep the slot with the next one.

        Returns:
            Whether a step is left; without one, the walk does not change.

        Raises:
            ProviderUnavailable, Overloaded: A slot was held, and no step has one.
        """
        full = self.step
        if not self.skip({full.channel}):
            return False
        log.info("%s: a limit of the channel is full; %s is next", full, self.step)
        if self._deliver:
            self.acquire()
        return True

    def drop(self) -> bool:
        """Skip the current step.

        Returns:
            Whether a step is left; without one, the walk does not change.
        """
        later = self.later
        self._steps = later or self._steps
        return bool(later)

    def deliver(self, message: Message) -> Accepted:
        """Pass *message* to the provider; see `Sender.acquire_slot`."""
        if self._deliver is None:
            raise AssertionError
        return self._deliver(message)
