"""Replay the stored events against proposed values of the policy."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from otp_engine.domain.events import CodeSent, PolicyChanged, RecordedEvent
from otp_engine.domain.pumping_guard.places import Level
from otp_engine.domain.replay.proposal import NotReplayable, Proposal
from otp_engine.domain.replay.replay import Replay
from otp_engine.domain.replay.report import Group, Report
from otp_engine.domain.replay.sends import to_ms
from otp_engine.errors import ReplayNotPossible
from otp_engine.operations.context import OperatorContext
from otp_engine.operations.event_fields import SHORT_HASH
from otp_engine.operations.times import format_time
from otp_engine.store.events.codec import kind_of
from otp_engine.store.events.event_filter import EventFilter
from otp_engine.store.events.event_store import StreamStart
from otp_engine.store.events.tail import EventTail

_KINDS = (
    *("sent", "rejected", "refused", "unavailable"),
    *("approved", "canceled", "policy"),
)
_ENDS = {"approved", "canceled"}
_LONGEST_TTL = timedelta(days=1)
"""Time after the last send in which its code can be entered."""
_LONGEST_HOLD = timedelta(minutes=2)
"""Time between the count of a send and its event, at most."""


@dataclass(slots=True)
class Record:
    """What the stored events cover, filled while they are read.

    Attributes:
        start: Start of the period; events before it are those of its windows.
        events: Number of events that were read.
        sends: Those of them that are a send of the period, also a refused one.
        without_facts: Sends of releases that stored less about a send.
        facts_since: Time of the first send that has them.
        without_price: Messages that have no price.
        policy_changes: Changes of the policy in the period.
        max_events: The number of events that may be read; None for all.
    """

    start: datetime
    events: int = 0
    sends: int = 0
    without_facts: int = 0
    facts_since: datetime | None = None
    without_price: int = 0
    policy_changes: int = 0
    max_events: int | None = None

    def read(self, tail: EventTail) -> Iterator[RecordedEvent]:
        """Yield the events of *tail*.

        Raises:
            ReplayNotPossible: There are more than `max_events`.
        """
        while page := tail.read_next():
            if self.max_events and self.events + len(page) > self.max_events:
                raise ReplayNotPossible(
                    f"it would read more than {self.max_events:,} events"
                )
            for recorded in page:
                self.events += 1
                self._note(recorded)
                yield recorded

    def _note(self, recorded: RecordedEvent) -> None:
        if isinstance(recorded.event, PolicyChanged):
            self.policy_changes += 1
            return
        if isinstance(recorded.event, CodeSent) and not recorded.event.facts.price:
            self.without_price += 1
        if kind_of(recorded.event) not in _ENDS:
            self.sends += recorded.occurred_at >= self.start
            recipient = getattr(recorded.event, "recipient", None)
            if recipient and recipient.block_hash is None:
                self.without_facts += 1
            elif self.facts_since is None:
                self.facts_since = recorded.occurred_at


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """A replay with what the reader of its figures must know.

    Attributes:
        values: The proposed values, in canonical form.
        start: Start of the period, or the first stored event if that is later.
        end: End of the period.
        warm_up_until: Until then refusals can be too few; None if they cannot.
        record: What the events cover.
        report: The figures.
        currency: The currency of the costs.
        notes: Sentences about the limits of the replay.
        blocks: Blocks by their hash, as far as the pumping guard has them now.
    """

    values: Mapping[str, str]
    start: datetime
    end: datetime
    warm_up_until: datetime | None
    record: Record
    report: Report
    currency: str
    notes: Sequence[str] = field(default=())
    blocks: Mapping[str, str] = field(default_factory=dict)

    def name_of(self, group: Group, key: str) -> str:
        """Return how text shows a row: a hash is short, and a known block in clear."""
        if group is Group.BLOCK:
            return self.blocks.get(key, key[:SHORT_HASH])
        return key[:SHORT_HASH] if group is Group.ADDRESS else key


def replay(
    context: OperatorContext,
    texts: Mapping[str, str],
    since: datetime,
    until: datetime | None = None,
    *,
    max_events: int | None = None,
) -> ReplayResult:
    """Replay the stored sends of a period against proposed values.

    Args:
        context: The settings and the stores.
        texts: The proposed values as text in canonical form, by name.
        since: Time of the first send.
        until: Time of the last send, after *since*; None for now.
        max_events: The number of events that may be read, with those that the windows
            of the first send count; None for all.

    Raises:
        ReplayNotPossible: Events have too little for one of the values, no send is
            stored, or there are too many events.
        StoreUnavailable: Redis did not reply.
    """
    policy = context.read_policy().policy
    try:
        proposal = Proposal.of(texts, policy, context.settings.peppers)
    except NotReplayable as problem:
        raise ReplayNotPossible(str(problem)) from None
    end = until or context.clock()
    events, refusals = context.store.events.starts()
    if events.first is None or events.first > end:
        raise _no_sends(since, end)
    start = max(since, events.first)
    warm_up = events.first + proposal.memory
    # A send is counted before its event is stored.
    names = {rule.name for rule in proposal.rules}
    report = Report(to_ms(since), to_ms(end), names)
    record = Record(since, max_events=max_events)
    tail = context.store.events.tail(
        # The windows of the first send reach back.
        since - proposal.memory,
        end=end + _LONGEST_TTL + _LONGEST_HOLD,
        event_filter=EventFilter(kinds=_KINDS, refusals=proposal.refusals),
    )
    with _no_garbage_collection():
        Replay(proposal.rules, proposal.ttl_ms, report).run(record.read(tail))
    report.finish()
    if not record.sends:
        raise _no_sends(since, end)
    result = ReplayResult(
        values=texts,
        start=start,
        end=end,
        warm_up_until=warm_up if warm_up > start else None,
        record=record,
        report=report,
        currency=context.settings.currency,
        blocks=_known_blocks(context) if report.total.refused else {},
    )
    return replace(result, notes=_notes(result, since, proposal, refusals))


def _no_sends(since: datetime, end: datetime) -> ReplayNotPossible:
    period = f"{format_time(since)} to {format_time(end)}"
    return ReplayNotPossible(f"no send is stored from {period}")


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Turn the search for cycles off, which takes a quarter of the time of a replay.

    Its objects have no cycles.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _known_blocks(context: OperatorContext) -> dict[str, str]:
    """Return the blocks that the pumping guard has, by their hash in events."""
    return {
        pepper.pseudonymize("block", place.prefix): place.prefix
        for place in context.store.guard.list_places()
        if place.level is Level.BLOCK
        for pepper in context.settings.peppers
    }


def _notes(
    result: ReplayResult, since: datetime, proposal: Proposal, refusals: StreamStart
) -> list[str]:
    notes = list(proposal.notes)
    if result.start > since:
        notes.append(
            f"the first stored event is of {format_time(result.start)}: earlier ones"
            " are not stored (about 100,000 events are, of 31 days at most)"
        )
    if refusals.first and refusals.is_trimmed:
        notes.append(
            f"refused sends are stored from {format_time(refusals.first)} on only"
        )
    if result.warm_up_until:
        notes.append(
            f"until {format_time(result.warm_up_until)} refusals can be too few: sends"
            " before the first stored event are unknown"
        )
    if missing := result.record.without_facts:
        facts_since = result.record.facts_since
        before = f" before {format_time(facts_since)}" if facts_since else ""
        notes.append(
            f"{missing} events of sends{before} lack the time of the count, the API"
            " key, wider IPv6 networks and the block: they count at their own time"
        )
    if "budget" in result.values and (missing := result.record.without_price):
        notes.append(f"{missing} sends have no price, and count nothing in the budget")
    if result.record.policy_changes:
        notes.append(
            f"the policy changed {result.record.policy_changes} times in the period:"
            " sends that an earlier policy refused for another reason are not in it"
        )
    return notes
