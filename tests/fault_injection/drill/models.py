"""A model of a service with a plain cap of messages into each block."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field

from tests.fault_injection.drill.actors import DAY, Action, Check, Outcome
from tests.fault_injection.drill.countries import block_of


@dataclass
class CapPerBlock:
    """Refuses the messages of a block beyond a cap in 24 hours.

    Attributes:
        cap: Messages in 24 hours.
    """

    cap: int = 25
    _sent: dict[str, deque[float]] = field(
        default_factory=lambda: defaultdict(deque), repr=False
    )

    def execute(self, action: Action) -> Outcome:
        """Execute *action* at its time."""
        if isinstance(action, Check):
            return Outcome(approved=action.right)
        sent = self._sent[block_of(action.phone)]
        while sent and sent[0] <= action.at - DAY:
            sent.popleft()
        if len(sent) >= self.cap:
            return Outcome(status=429)
        sent.append(action.at)
        return Outcome(sent=True)
