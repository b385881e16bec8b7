"""Models of a service: a plain cap a block, and the rules of the pumping guard."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field

from otp_engine.domain.phones import numbers
from otp_engine.domain.pumping_guard.decisions import GuardState
from otp_engine.domain.pumping_guard.rules import GuardMode, GuardRules
from otp_engine.errors import DestinationSuspended
from tests.fault_injection.drill.actors import DAY, Action, Check, Outcome
from tests.fault_injection.drill.countries import block_of
from tests.fault_injection.drill.deployment import FIRST_DAY

_CODE_LIFE = 600.0
# Messages that a proven phone may have after its last approval.
_PROVEN_MESSAGES = 3


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


@dataclass
class Guard:
    """Refuses what the pumping guard refuses, on one day after the other.

    Attributes:
        start: Seconds from the start of the first day to that of the current one.
    """

    start: float = 0.0
    rules: GuardRules = field(default_factory=lambda: GuardRules(mode=GuardMode.ON))
    _state: GuardState = field(default_factory=GuardState)
    _proven: dict[str, int] = field(default_factory=dict)
    _sent: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def execute(self, action: Action) -> Outcome:
        """Execute *action* at its time."""
        at = self.start + action.at
        now = round((FIRST_DAY + at) * 1_000)
        destination = numbers.parse(action.phone, "ZZ").destination
        if isinstance(action, Check):
            if not action.right:
                return Outcome()
            sent = self._sent.pop(action.phone, [])
            live = [moment for moment in sent if at - moment < _CODE_LIFE]
            self._state.credit(destination, self.rules, now=now, messages=len(live))
            self._proven[action.phone] = _PROVEN_MESSAGES
            return Outcome(approved=True)
        left = self._proven.get(action.phone, 0)
        try:
            self._state.decide(destination, self.rules, now=now, passes=left > 0)
        except DestinationSuspended:
            return Outcome(status=403, error="destination_suspended")
        self._proven[action.phone] = max(0, left - 1)
        self._sent[action.phone].append(at)
        return Outcome(sent=True)
