"""The pumping guard as a rule of a replay."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from otp_engine.domain.pumping_guard.decisions import GuardState, Reading
from otp_engine.domain.pumping_guard.places import Destination
from otp_engine.domain.pumping_guard.rules import GuardRules
from otp_engine.domain.replay.sends import RecordedSend, Step

_MESSAGES_OF_A_PROVEN_PHONE = 3


@dataclass(slots=True, kw_only=True)
class GuardRule:
    """The pumping guard; a block has its hash in place of its digits.

    A guard that is not enforced refuses nothing, and counts as in shadow mode: it knows
    the approvals of blocks for the budget.

    Attributes:
        rules_for: Returns the rules for a country.
        is_exempt: Returns whether the proposed policy exempts a send.
        is_enforced: Whether it refuses.
    """

    rules_for: Callable[[str], GuardRules]
    is_exempt: Callable[[RecordedSend], bool]
    is_enforced: bool = True
    name: str = "pumping_guard"
    step: Step = Step.DESTINATION
    _state: GuardState = field(default_factory=GuardState)
    # Messages left of phones that were approved in the replay. Of the others, the event
    # has whether they were proven.
    _left: dict[str, int] = field(default_factory=dict)
    _used: set[RecordedSend] = field(default_factory=set)
    # The decision on the last send.
    _reading: Reading | None = None
    _accepts: bool = True
    # Sends that a guard in shadow mode would have refused.
    _uncounted: set[RecordedSend] = field(default_factory=set)

    @property
    def has_past(self) -> bool:
        """Whether the block of the send that was decided last has enough approvals."""
        return self._reading is not None and self._reading.has_past

    def is_proven(self, send: RecordedSend) -> bool:
        """Return whether the phone of a send is proven."""
        left = self._left.get(send.recipient.phone_hash)
        return send.facts.proven if left is None else left > 0

    def refuses(self, send: RecordedSend, at: int) -> bool:
        """Return whether the guard refuses; a suspension that starts is kept."""
        self._reading = None
        self._accepts = True
        if not self._is_guarded(send):
            return False
        # Another rule of this step may still refuse the send: nothing is counted yet.
        self._reading = self._state.read(
            self._destination(send), self._rules(send), now=at
        )
        passes = self.is_proven(send) or send.facts.vouched
        self._accepts = passes or not self._state.find_refusal(self._reading)
        return self.is_enforced and not self._accepts

    def count(self, send: RecordedSend, at: int) -> None:
        """Count the send that `refuses` was called for last."""
        del at
        if not self._accepts:
            self._uncounted.add(send)
        elif self._reading:
            self._state.charge(self._reading)
        phone = send.recipient.phone_hash
        if self._left.get(phone):
            self._left[phone] -= 1
            self._used.add(send)

    def release(self, send: RecordedSend, at: int) -> None:
        """Take back a message that was not sent."""
        if self._is_counted(send):
            self._state.release(self._destination(send), self._rules(send), now=at)
        if send in self._used:
            self._used.remove(send)
            self._left[send.recipient.phone_hash] += 1

    def approve(
        self, phone_hash: str, messages: Sequence[RecordedSend], at: int
    ) -> None:
        """Forgive the messages of a verification, and more."""
        if not messages:
            self._left.setdefault(phone_hash, 0)
            return
        self._left[phone_hash] = _MESSAGES_OF_A_PROVEN_PHONE
        send, counted = messages[-1], sum(map(self._is_counted, messages))
        self._state.credit(
            self._destination(send), self._rules(send), now=at, messages=counted
        )

    def _is_counted(self, send: RecordedSend) -> bool:
        return self._is_guarded(send) and send not in self._uncounted

    def _is_guarded(self, send: RecordedSend) -> bool:
        is_exempt = send.facts.exempt or self.is_exempt(send)
        return not (is_exempt or self._rules(send).is_off or not _block(send))

    def _rules(self, send: RecordedSend) -> GuardRules:
        return self.rules_for(send.recipient.country)

    def _destination(self, send: RecordedSend) -> Destination:
        recipient = send.recipient
        return Destination(
            block=_block(send), network=recipient.prefix, country=recipient.country
        )


def _block(send: RecordedSend) -> str:
    """Return the hash of the block; empty for an event of an earlier release."""
    return send.recipient.block_hash or ""
