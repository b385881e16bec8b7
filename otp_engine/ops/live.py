"""The engine under the policy as operators last set it."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import Generic, TypeVar

from otp_engine.domain.amendments import amended
from otp_engine.domain.policy import Policy
from otp_engine.domain.ports import Amendments
from otp_engine.errors import StoreUnavailable

log = logging.getLogger(__name__)

_BETWEEN = 1.0  # seconds

T = TypeVar("T")


class Live(Generic[T]):
    """Something that is made for a policy, and made anew when that changes.

    What a request was handed stays as it was: a change is for those that come after.
    """

    def __init__(
        self,
        decided: Policy,
        amendments: Amendments,
        make: Callable[[Policy], T],
        clock: Callable[[], float] = monotonic,
        *,
        taken_up: Callable[[int, Policy], None],
    ) -> None:
        """Begin with what was *decided* before the start.

        Args:
            decided: The policy of the environment.
            amendments: Where changes of it are found.
            make: Makes the thing.
            clock: Seconds that only ever grow.
            taken_up: Is told the version that is live, the first one too.
        """
        self._decided = decided
        self._amendments = amendments
        self._make = make
        self._clock = clock
        self._made = make(decided)
        self._taken_up = taken_up
        self._version: int | None = None
        self._look_at = -math.inf
        self._looking = Lock()

    def now(self) -> T:
        """The thing, for the policy that was live a second ago at most.

        One request in a second pays a round trip for all the others.
        """
        if self._clock() >= self._look_at and self._looking.acquire(blocking=False):
            try:
                self._look()
                self._look_at = self._clock() + _BETWEEN
            finally:
                self._looking.release()
        return self._made

    def _look(self) -> None:
        """Take up what has changed; while Redis is away, nothing does."""
        try:
            latest = self._amendments.latest()
        except StoreUnavailable:
            return
        version = latest.version if latest else 0
        if version == self._version:
            return
        try:
            policy = amended(self._decided, latest)
        except ValueError:
            log.exception("policy version %d cannot be read, and is left out", version)
        else:
            self._made = self._make(policy)
            self._taken_up(version, policy)
            log.info("policy version %d is live", version)
        self._version = version
