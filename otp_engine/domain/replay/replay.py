"""The replay: decides on each recorded send again, in the order of their counts.

Events are stored after their requests, so sends of one time can be some seconds apart
in the stream. The replay holds them back for a while, and takes them by the time at
which Redis counted them.

The replay answers what a rule in shadow mode would have reported. The requests are
those of the record: a person who was refused may have tried again later, or not. A
refused send counts no further, and its code would not have arrived.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count, groupby
from operator import attrgetter
from typing import Protocol

from otp_engine.domain.events import (
    RecordedEvent,
    VerificationApproved,
    VerificationCanceled,
)
from otp_engine.domain.replay.rules import Rule
from otp_engine.domain.replay.sends import RecordedSend, Step, to_ms

_HOLD_MS = 120_000
"""Longest time between the count of a send and its event: the wait for a hash, the
timeouts of Redis and of the provider, and the interval of writes."""


class Outcomes(Protocol):
    """Receives what the replay finds, in the order of time."""

    def decided(self, send: RecordedSend, refused_by: str | None) -> None:
        """Receive the decision on a send that reached a rule of the replay.

        Args:
            send: The send.
            refused_by: Name of the rule that would have refused it.
        """

    def approved(self, verification_id: bytes) -> None:
        """Receive the approval of a verification."""


@dataclass(slots=True)
class _Fate:
    """What the replay has decided on one send."""

    refused_by: str | None = None
    counted: list[Rule] = field(default_factory=list)


@dataclass(slots=True)
class _Pending:
    """What a phone would have in one namespace: its pending verification.

    Without the refused messages verifications start and end at other times than in the
    record, so they are those of the replay.

    Attributes:
        messages: The messages that were not refused.
        last_is_refused: Whether the newest message was refused.
    """

    messages: list[RecordedSend] = field(default_factory=list)
    last_is_refused: bool = False


class Replay:
    """One replay of events against rules."""

    def __init__(self, rules: Sequence[Rule], ttl_ms: int, outcomes: Outcomes) -> None:
        """Start with empty limits.

        Args:
            rules: The rules of the proposed policy.
            ttl_ms: Lifetime of a code in milliseconds.
            outcomes: Receives the decisions.
        """
        in_order = sorted(rules, key=attrgetter("step"))
        self._steps = [
            (step, list(group)) for step, group in groupby(in_order, attrgetter("step"))
        ]
        self._ttl_ms = ttl_ms
        self._outcomes = outcomes
        self._pending: dict[object, _Pending] = {}
        self._key_of: dict[bytes, object] = {}

    def run(self, events: Iterable[RecordedEvent]) -> None:
        """Replay events, which are in the order of the streams."""
        for at, action in _in_order_of_time(events, self._actions):
            action(at)

    def _actions(self, recorded: RecordedEvent) -> Iterator[tuple[int, _Action]]:
        event, at = recorded.event, to_ms(recorded.occurred_at)
        if isinstance(event, VerificationApproved):
            yield at, partial(self._approve, event)
        elif isinstance(event, VerificationCanceled):
            yield at, partial(self._cancel, event)
        elif send := RecordedSend.from_event(recorded):
            yield from self._actions_of(send)

    def _actions_of(self, send: RecordedSend) -> Iterator[tuple[int, _Action]]:
        reached = [
            (step, applied)
            for step, rules in self._steps
            if (applied := [rule for rule in rules if _reaches(send, rule)])
        ]
        if not reached:
            return
        fate = _Fate()
        last = reached.pop()
        for step, rules in reached:
            yield send.at(step), partial(self._decide, send, fate, rules)
        yield send.at(last[0]), partial(self._decide_last, send, fate, last[1])
        # The rule that refused the send decides again, and may let it through.
        if send.released_at is None:
            return
        is_again = any(rule.name == send.refused_by for rule in last[1])
        if not is_again:
            yield send.released_at, partial(_release, send, fate)

    def _decide(
        self, send: RecordedSend, fate: _Fate, rules: Sequence[Rule], at: int
    ) -> None:
        if fate.refused_by:
            return
        for rule in rules:
            if rule.refuses(send, at):
                fate.refused_by = rule.name
                # The phone gets back what a later step refuses.
                _release(send, fate, at)
                return
        for rule in rules:
            rule.count(send, at)
        fate.counted += rules

    def _decide_last(
        self, send: RecordedSend, fate: _Fate, rules: Sequence[Rule], at: int
    ) -> None:
        self._decide(send, fate, rules, at)
        self._outcomes.decided(send, fate.refused_by)
        if send.verification_id is None:
            return
        key = _namespace_key(send)
        self._key_of[send.verification_id] = key
        pending = self._pending.setdefault(key, _Pending())
        pending.last_is_refused = fate.refused_by is not None
        if fate.refused_by:
            return
        messages = pending.messages
        if messages and at >= messages[-1].at(Step.PHONE) + self._ttl_ms:
            # The verification has expired.
            messages.clear()
        messages.append(send)

    def _approve(self, event: VerificationApproved, at: int) -> None:
        self._outcomes.approved(event.verification_id)
        key = self._key_of.pop(event.verification_id, None)
        pending = self._pending.get(key)
        messages: Sequence[RecordedSend] = ()
        if pending and not pending.last_is_refused:
            messages = pending.messages
            del self._pending[key]
        for _, rules in self._steps:
            for rule in rules:
                rule.approve(event.recipient.phone_hash, messages, at)

    def _cancel(self, event: VerificationCanceled, at: int) -> None:
        del at
        self._pending.pop(self._key_of.pop(event.verification_id, None), None)


_Action = Callable[[int], None]


def _namespace_key(send: RecordedSend) -> object:
    """Return the key of the only verification that a send can belong to."""
    if send.facts.bound:
        return send.verification_id
    return send.recipient.phone_hash, send.service


def _reaches(send: RecordedSend, rule: Rule) -> bool:
    """Return whether a rule decided on a send, or would have done so.

    Another rule of the same step that refused the send left it uncounted.
    """
    if send.step == rule.step:
        return send.refused_by == rule.name
    return send.step > rule.step


def _release(send: RecordedSend, fate: _Fate, at: int) -> None:
    for rule in fate.counted:
        rule.release(send, at)
    fate.counted.clear()


def _in_order_of_time(
    events: Iterable[RecordedEvent],
    actions: Callable[[RecordedEvent], Iterable[tuple[int, _Action]]],
) -> Iterator[tuple[int, _Action]]:
    """Yield the actions of events by time; those of one time in the order of events."""
    held: list[tuple[int, int, _Action]] = []
    numbers = count()
    for recorded in events:
        for at, action in actions(recorded):
            heapq.heappush(held, (at, next(numbers), action))
        due = to_ms(recorded.occurred_at) - _HOLD_MS
        while held and held[0][0] <= due:
            at, _, action = heapq.heappop(held)
            yield at, action
    while held:
        at, _, action = heapq.heappop(held)
        yield at, action
