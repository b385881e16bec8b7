"""The clock of the changes that end.

A change ends by the clock of Redis, which all instances share. A running instance also
measures the time on its own monotonic clock, and the earlier of both ends the change:

- If Redis does not answer or accepts no write, the change ends on time.
- If the clock of Redis is set back, the change does not last longer.
- If the clock of Redis is set forward, the change ends early, in a version that the
  history shows. Set back, the clock does not revive it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime

from otp_engine.domain.policy.reverts import End, PendingRevert


class ChangeEnds:
    """Decides in one process which changes of the live version have ended."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Use a clock.

        Args:
            clock: Returns monotonic seconds.
        """
        self._clock = clock
        self._reverts: tuple[PendingRevert, ...] = ()
        self._deadlines: dict[End, float] = {}

    def observe(self, reverts: tuple[PendingRevert, ...], now: datetime | None) -> None:
        """Read the pending reverts of the live version.

        Args:
            reverts: The pending reverts.
            now: The time of Redis; None if Redis did not reply.
        """
        if reverts is not self._reverts:
            # There can be thousands of reverts, with few different ends.
            self._reverts = reverts
            self._deadlines = {
                end: self._deadlines.get(end, math.inf)
                for end in {revert.end for revert in reverts}
            }
        if now is None:
            return
        for end, deadline in self._deadlines.items():
            left = (end.until - now).total_seconds()
            self._deadlines[end] = min(deadline, self._clock() + left)

    def ended(self) -> frozenset[PendingRevert]:
        """Return the pending reverts of the changes that have ended."""
        now = self._clock()
        ends = {end for end, at in self._deadlines.items() if at <= now}
        if not ends:
            return frozenset()
        return frozenset(revert for revert in self._reverts if revert.end in ends)

    @property
    def next_end(self) -> float:
        """The monotonic time of the next end; infinite without one."""
        now = self._clock()
        return min(
            (at for at in self._deadlines.values() if at > now), default=math.inf
        )
