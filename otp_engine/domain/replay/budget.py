"""The budget as a rule of a replay."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Sequence
from dataclasses import dataclass, field

from otp_engine.domain.money.budget import BudgetRules
from otp_engine.domain.money.charges import BudgetRefusal, Charge
from otp_engine.domain.replay.guard import GuardRule
from otp_engine.domain.replay.sends import RecordedSend, Step


@dataclass(slots=True, kw_only=True)
class BudgetRule:
    """The budget, enforced; the price of a send is that of its event.

    Attributes:
        rules: The rules of the budget.
        guard: The pumping guard of the replay, which decides before this rule and knows
            the proven phones and the blocks with a past.
    """

    rules: BudgetRules
    guard: GuardRule
    name: str = "budget"
    step: Step = Step.DESTINATION
    _ledgers: dict[str, str] = field(default_factory=dict)
    _changes: ChainMap[str, str] = field(default_factory=ChainMap)

    def refuses(self, send: RecordedSend, at: int) -> bool:
        """Return whether the budget refuses."""
        # Another rule of this step may still refuse the send: nothing is counted yet.
        self._changes = ChainMap({}, self._ledgers)
        if not send.facts.price:
            return False
        has_past = self.guard.is_proven(send) or self.guard.has_past
        charge = self._charge(send, at, has_past=has_past)
        return isinstance(charge.acquire(), BudgetRefusal)

    def count(self, send: RecordedSend, at: int) -> None:
        """Count the send that `refuses` was called for last."""
        del send, at
        self._ledgers |= self._changes.maps[0]

    def release(self, send: RecordedSend, at: int) -> None:
        """Take back the money of a message that was not sent."""
        if send.facts.price:
            self._changes = ChainMap({}, self._ledgers)
            self._charge(send, at, has_past=False).release(send.at(self.step))
            self._ledgers |= self._changes.maps[0]

    def approve(
        self, phone_hash: str, messages: Sequence[RecordedSend], at: int
    ) -> None:
        """Do nothing: the guard of the replay credits approvals."""

    def _charge(self, send: RecordedSend, at: int, *, has_past: bool) -> Charge:
        return Charge(
            fields=self._changes,
            country=send.recipient.country,
            rules=self.rules,
            price=send.facts.price,
            has_past=has_past,
            at=at,
        )
