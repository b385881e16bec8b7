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

from otp_engine.domain.policy.reverts import PendingRevert, PolicyState


class ChangeEnds:
    """Decides in one process which changes of the live version have ended."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Use a clock.

        Args:
            clock: Returns monotonic seconds.
        """
        self._clock = clock
        self._deadlines: dict[PendingRevert, float] = {}

    def observe(self, state: PolicyState, now: datetime | None) -> None:
        """Read the pending reverts of the live version.

        Args:
            state: The live version.
            now: The time of Redis; None if Redis did not reply.
        """
        pending = set(state.reverts)
        known = {r: at for r, at in self._deadlines.items() if r in pending}
        if now is not None:
            for revert in pending:
                left = (revert.end.until - now).total_seconds()
                deadline = known.get(revert, math.inf)
                known[revert] = min(deadline, self._clock() + left)
        self._deadlines = known

    def ended(self) -> frozenset[PendingRevert]:
        """Return the reverts of the changes that have ended."""
        now = self._clock()
        return frozenset(r for r, at in self._deadlines.items() if at <= now)

    @property
    def next_end(self) -> float:
        """The monotonic time of the next end; infinite without one."""
        now = self._clock()
        return min(
            (at for at in self._deadlines.values() if at > now), default=math.inf
        )
