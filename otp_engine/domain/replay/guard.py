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
    """The pumping guard, which refuses; a block has its hash in place of its digits.

    Attributes:
        rules_for: Returns the rules for a country.
        is_exempt: Returns whether the proposed policy exempts a send.
    """

    rules_for: Callable[[str], GuardRules]
    is_exempt: Callable[[RecordedSend], bool]
    name: str = "pumping_guard"
    step: Step = Step.DESTINATION
    _state: GuardState = field(default_factory=GuardState)
    # Messages left of phones that were approved in the replay. Of the others, the event
    # has whether they were proven.
    _left: dict[str, int] = field(default_factory=dict)
    _used: set[RecordedSend] = field(default_factory=set)
    _reading: Reading | None = None

    def refuses(self, send: RecordedSend, at: int) -> bool:
        """Return whether the guard refuses; a suspension that starts is kept."""
        self._reading = None
        if not self._is_guarded(send):
            return False
        reading = self._state.read(self._destination(send), self._rules(send), now=at)
        if not self._passes(send) and self._state.find_refusal(reading):
            return True
        # Another rule of this step may still refuse the send: nothing is counted yet.
        self._reading = reading
        return False

    def count(self, send: RecordedSend, at: int) -> None:
        """Count the send that `refuses` was called for last."""
        del at
        if self._reading:
            self._state.charge(self._reading)
        phone = send.recipient.phone_hash
        if self._left.get(phone):
            self._left[phone] -= 1
            self._used.add(send)

    def release(self, send: RecordedSend, at: int) -> None:
        """Take back a message that was not sent."""
        if self._is_guarded(send):
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
        send, counted = messages[-1], sum(map(self._is_guarded, messages))
        self._state.credit(
            self._destination(send), self._rules(send), now=at, messages=counted
        )

    def _passes(self, send: RecordedSend) -> bool:
        left = self._left.get(send.recipient.phone_hash)
        proven = send.facts.proven if left is None else left > 0
        return proven or send.facts.vouched

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
