"""The newest stored events, and those after a cursor."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from otp_engine.domain.events import RecordedEvent
from otp_engine.errors import InvalidRequest
from otp_engine.operations.context import OperatorContext
from otp_engine.store.events import codec
from otp_engine.store.events.event_filter import ALL_EVENTS, EventFilter
from otp_engine.store.events.event_store import STREAMS

_RECENT = timedelta(hours=1)
_PARTS = (timedelta(minutes=1), timedelta(minutes=10))
# Redis refuses an id with a part of more than 64 bits.
_CURSOR = re.compile("_".join([r"\d{1,18}-\d{1,18}"] * len(STREAMS)), re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    """Some events, and where the next page starts.

    Attributes:
        events: The events, oldest first.
        omitted: Number of older events that the page had no room for.
        cursor: The cursor of the next page, which has the events after these.
    """

    events: Sequence[RecordedEvent]
    omitted: int
    cursor: str


def read_events(
    context: OperatorContext,
    cursor: str | None = None,
    *,
    count: int = 100,
    since: timedelta = _RECENT,
    event_filter: EventFilter = ALL_EVENTS,
) -> EventPage:
    """Return the newest events of a period, or all after a cursor.

    Args:
        context: The stores.
        cursor: The cursor of the page before; None for the first page.
        count: The number of events; older ones are omitted.
        since: Age of the oldest event, which a cursor cannot exceed.
        event_filter: Selects the events.

    Raises:
        InvalidRequest: The text is no cursor.
        StoreUnavailable: Redis did not reply.
    """
    tail = context.store.events.tail(context.clock() - since, event_filter=event_filter)
    if cursor:
        tail.skip_to(_parse(cursor))
    newest: deque[RecordedEvent] = deque(maxlen=count)
    found = 0
    while recorded := tail.read_next():
        newest += recorded
        found += len(recorded)
    return EventPage(
        events=tuple(newest),
        omitted=found - len(newest),
        cursor="_".join(f"{ms}-{sequence}" for ms, sequence in tail.position),
    )


def newest_events(
    context: OperatorContext,
    *,
    count: int = 100,
    since: timedelta = _RECENT,
    event_filter: EventFilter = ALL_EVENTS,
) -> EventPage:
    """Return the newest events of a period, as `read_events` for its first page.

    A busy service has enough of them in a minute, and to read an hour would take
    seconds. So the period is only as long as the events need, and `omitted` counts
    those of it.

    Args:
        context: The stores.
        count: The number of events.
        since: Age of the oldest event.
        event_filter: Selects the events.

    Raises:
        StoreUnavailable: Redis did not reply.
    """
    for part in _PARTS:
        if part < since:
            page = read_events(
                context, count=count, since=part, event_filter=event_filter
            )
            if len(page.events) == count:
                return page
    return read_events(context, count=count, since=since, event_filter=event_filter)


def _parse(cursor: str) -> list[codec.EntryId]:
    if not _CURSOR.fullmatch(cursor):
        raise InvalidRequest("This is not a cursor of events.")
    return [codec.parse_id(part.encode()) for part in cursor.split("_")]
