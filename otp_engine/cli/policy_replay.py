"""Replay the stored events against proposed values of the policy."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from otp_engine.cli import policy_context
from otp_engine.cli.policy_changes import canonical_values
from otp_engine.cli.terminal import fail, format_time, printable, table, warn
from otp_engine.domain.events import CodeSent, PolicyChanged, RecordedEvent
from otp_engine.domain.pumping_guard.places import Level
from otp_engine.domain.replay.proposal import NotReplayable, Proposal
from otp_engine.domain.replay.replay import Replay
from otp_engine.domain.replay.report import Group, Report, Tally
from otp_engine.domain.replay.sends import to_ms
from otp_engine.operations.context import OperatorContext
from otp_engine.operations.event_fields import SHORT_HASH
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
_DATA_OF_GROUP = {
    Group.COUNTRY: "countries",
    Group.PREFIX: "prefixes",
    Group.BLOCK: "blocks",
    Group.ADDRESS: "addresses",
}


@dataclass(frozen=True, slots=True)
class ReplayQuery:
    """What to replay.

    Attributes:
        texts: The proposed values as text, by name.
        since: Time of the first send.
        until: Time of the last send; None for now.
        count: Rows of each table; with JSON all are printed.
        as_json: Whether to print JSON.
    """

    texts: Mapping[str, str]
    since: datetime
    until: datetime | None
    count: int
    as_json: bool


@dataclass(slots=True)
class _Record:
    """What the stored events cover, filled while they are read.

    Attributes:
        events: Number of events that were read.
        without_facts: Sends of releases that stored less about a send.
        facts_since: Time of the first send that has them.
        without_price: Messages that have no price.
        policy_changes: Changes of the policy in the period.
    """

    events: int = 0
    without_facts: int = 0
    facts_since: datetime | None = None
    without_price: int = 0
    policy_changes: int = 0

    def read(self, tail: EventTail) -> Iterator[RecordedEvent]:
        """Yield the events of *tail*."""
        while page := tail.read_next():
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
            recipient = getattr(recorded.event, "recipient", None)
            if recipient and recipient.block_hash is None:
                self.without_facts += 1
            elif self.facts_since is None:
                self.facts_since = recorded.occurred_at


@dataclass(frozen=True, slots=True)
class _Result:
    """A replay with what the reader of its figures must know.

    Attributes:
        values: The proposed values, in canonical form.
        start: Time of the first send.
        end: Time of the last send.
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
    record: _Record
    report: Report
    currency: str
    notes: Sequence[str] = field(default=())
    blocks: Mapping[str, str] = field(default_factory=dict)

    def name_of(self, group: Group, key: str) -> str:
        """Return how text shows a row: a hash is short, and a known block in clear."""
        if group is Group.BLOCK:
            return self.blocks.get(key, key[:SHORT_HASH])
        return key[:SHORT_HASH] if group is Group.ADDRESS else key


def try_(query: ReplayQuery) -> None:
    """Print which sends proposed values would have refused."""
    values = canonical_values(query.texts)
    context = policy_context.load()
    policy = policy_context.live_policy(context)
    try:
        proposal = Proposal.of(values, policy, context.settings.peppers)
    except NotReplayable as problem:
        fail(str(problem))
    result = _replay(context, query, values, proposal)
    if query.as_json:
        click.echo(json.dumps(_to_dict(result), indent=2))
        return
    for note in result.notes:
        warn(note)
    for line in _lines(result, query.count):
        click.echo(printable(line))


def _replay(
    context: OperatorContext,
    query: ReplayQuery,
    values: Mapping[str, str],
    proposal: Proposal,
) -> _Result:
    end = query.until or datetime.now(UTC)
    if query.since >= end:
        times = f"{format_time(query.since)} is after {format_time(end)}"
        fail(f"--since must be before --until, or before now: {times}")
    # The windows of the first send reach back.
    read_from = query.since - proposal.memory
    starts = context.store.events.starts()
    sends, refusals = starts
    if sends.first is None or sends.first > end:
        fail(f"no send is stored from {format_time(query.since)} on")
    start = max(query.since, sends.first)
    warm_up = sends.first + proposal.memory
    # The count of the first stored send is before its event.
    report, record = Report(to_ms(query.since), to_ms(end)), _Record()
    tail = context.store.events.tail(
        read_from,
        end=end + _LONGEST_TTL + _LONGEST_HOLD,
        event_filter=EventFilter(kinds=_KINDS, refusals=proposal.refusals),
    )
    with _no_garbage_collection():
        Replay(proposal.rules, proposal.ttl_ms, report).run(record.read(tail))
    report.finish()
    result = _Result(
        values=values,
        start=start,
        end=end,
        warm_up_until=warm_up if warm_up > start else None,
        record=record,
        report=report,
        currency=context.settings.currency,
        blocks=_known_blocks(context) if report.total.refused else {},
    )
    return replace(result, notes=_notes(result, query, proposal, refusals))


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
    result: _Result, query: ReplayQuery, proposal: Proposal, refusals: StreamStart
) -> list[str]:
    notes = list(proposal.notes)
    if result.start > query.since:
        notes.append(
            f"the first stored send is of {format_time(result.start)}: earlier ones are"
            " not stored (about 100,000 events are, of 31 days at most)"
        )
    if refusals.first and refusals.is_trimmed:
        notes.append(
            f"refused sends are stored from {format_time(refusals.first)} on only"
        )
    if result.warm_up_until:
        notes.append(
            f"until {format_time(result.warm_up_until)} refusals can be too few: sends"
            " before the first stored one are unknown"
        )
    if missing := result.record.without_facts:
        since = result.record.facts_since
        before = f" before {format_time(since)}" if since else ""
        notes.append(
            f"{missing} events of sends{before} lack the time of the count, the API"
            " key, wider IPv6 networks and the block: they count at their own time"
        )
    if "budget" in query.texts and (missing := result.record.without_price):
        notes.append(f"{missing} sends have no price, and count nothing in the budget")
    if result.record.policy_changes:
        notes.append(
            f"the policy changed {result.record.policy_changes} times in the period:"
            " sends that an earlier policy refused for another reason are not in it"
        )
    return notes


def _lines(result: _Result, count: int) -> list[str]:
    report = result.report
    values = "; ".join(f"{name} = {text}" for name, text in result.values.items())
    period = timedelta(seconds=round((result.end - result.start).total_seconds()))
    times = f"{format_time(result.start)} to {format_time(result.end)}"
    lines = [f"Replay of {values}", f"{times} ({period})", "", *_summary(result)]
    for group in Group:
        if report.rows(group):
            lines += ["", *_group_lines(result, group, count)]
    return lines


def _summary(result: _Result) -> list[str]:
    report = result.report
    total = report.total
    approved, delayed = len(report.approved_phones), len(report.delayed_phones)
    rows = [
        ("sends", f"{total.sends}"),
        ("refused", f"{total.refused}, to {len(report.refused_phones)} phones"),
        (
            "approved afterwards",
            f"{total.approved}, of {approved} phones; {delayed} got another message",
        ),
        (
            "saved messages",
            f"{total.saved}{_cost(total, result)}, which no approval followed",
        ),
    ]
    if report.refused_before or report.admitted:
        rows.append(
            (
                "refused in the record",
                f"{report.refused_before} of these; {report.admitted} others pass now",
            )
        )
    width = max(len(name) for name, _ in rows)
    return [f"{name:{width}}  {text}" for name, text in rows]


def _group_lines(result: _Result, group: Group, count: int) -> list[str]:
    rows = result.report.rows(group)
    cells = [
        (
            result.name_of(group, key),
            *map(str, (tally.sends, tally.refused, tally.approved, tally.saved)),
            _cost(tally, result),
        )
        for key, tally in rows[:count]
    ]
    header = (group.upper(), "SENDS", "REFUSED", "APPROVED", "SAVED", "")
    lines = table(header, cells)
    more = len(rows) - count
    return [*lines, f"and {more} more"] if more > 0 else lines


def _cost(tally: Tally, result: _Result) -> str:
    if not tally.saved_cost:
        return ""
    return f" ({tally.saved_cost / 1e6:.2f} {result.currency})"


def _to_dict(result: _Result) -> dict[str, Any]:
    report = result.report
    return {
        "values": dict(result.values),
        "since": result.start.isoformat(),
        "until": result.end.isoformat(),
        "warm_up_until": result.warm_up_until and result.warm_up_until.isoformat(),
        "events": result.record.events,
        "events_without_facts": result.record.without_facts,
        "notes": list(result.notes),
        "currency": result.currency,
        "total": _tally(report.total)
        | {
            "refused_phones": len(report.refused_phones),
            "approved_phones": len(report.approved_phones),
            "delayed_phones": len(report.delayed_phones),
            "refused_before": report.refused_before,
            "admitted": report.admitted,
        },
        "known_blocks": {
            key: result.blocks[key]
            for key, _ in report.rows(Group.BLOCK)
            if key in result.blocks
        },
        **{
            name: [
                {group.value: key} | _tally(tally) for key, tally in report.rows(group)
            ]
            for group, name in _DATA_OF_GROUP.items()
        },
    }


def _tally(tally: Tally) -> dict[str, int]:
    return {
        "sends": tally.sends,
        "refused": tally.refused,
        "approved": tally.approved,
        "saved": tally.saved,
        "saved_cost": tally.saved_cost,
    }
