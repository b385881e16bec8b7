"""Events in two streams of limited length, and other work after a request.

Events that unauthenticated clients can cause without limit have a stream of their own,
so that a flood of refused requests removes no other events.
"""

from __future__ import annotations

import logging
import math
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing.util import Finalize
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from time import monotonic
from typing import TypeAlias

from otp_engine.domain.events import (
    CheckNotFound,
    Event,
    RecordedEvent,
    RequestRefused,
    RequestUnavailable,
)
from otp_engine.domain.models import ApprovalCredit, ignore_credit
from otp_engine.store import keys, lua_codec
from otp_engine.store.connection import Argument, Entry
from otp_engine.store.events import codec
from otp_engine.store.events.event_filter import ALL_EVENTS, EventFilter
from otp_engine.store.events.tail import EventTail
from otp_engine.store.lua_scripts import LuaScript
from otp_engine.store.redis_client import RedisClient

log = logging.getLogger(__name__)

STREAMS = (keys.EVENTS, keys.UNAUTHENTICATED_EVENTS)
RETENTION = timedelta(days=31)
"""How long events are stored."""
_MAX_ENTRIES = 100_000
_PAGE_SIZE = 5_000
_BATCH_SIZE = 200
"""Events in one write, which Redis completes in less than a millisecond."""
_WRITE_INTERVAL = 0.05  # seconds between two writes, on average
_WRITE_BURST = 20
"""Writes without an interval after a pause, so that a client that lists its attempts in
another worker finds those of its last requests."""
_MAX_QUEUED = 10_000
_FLUSH_TIMEOUT = 1  # second
_REPORT_INTERVAL = 1  # second
_TRIM_INTERVAL = 60  # seconds
_OVERLOAD_INTERVAL = 1  # second

_EVENTS, _CREDITS = "events", "credits of approvals"

_UNAUTHENTICATED_EVENTS = (RequestRefused, CheckNotFound, RequestUnavailable)


@dataclass(frozen=True, slots=True)
class _Job:
    """Work that no request waits for.

    Attributes:
        kind: What the work is about, in the plural, for the log.
        run: Does the work; an error drops it.
    """

    kind: str
    run: Callable[[], object]


_Item: TypeAlias = Event | ApprovalCredit | _Job | threading.Event


@dataclass(frozen=True, slots=True)
class StreamStart:
    """Where a stream of events starts.

    Attributes:
        first: Time of the oldest event; None without one.
        is_trimmed: Whether the stream is full, so that earlier events were removed.
    """

    first: datetime | None
    is_trimmed: bool = False


class RedisEventStore:
    """Stores `otp:{events}`, about 100,000 entries a stream, for a month.

    A background thread writes events: at once while they are few, and in batches under
    load, because a write costs as much as ten events. They may be duplicated when a
    write is retried. The end of the process waits for the writes.

    The same thread credits approvals in the pumping guard, so that no check waits for
    that. A credit that is lost leaves the places of one number stricter for a day. It
    also stores deliveries: without one, its reports change nothing and it has no
    fallback.
    """

    def __init__(
        self,
        client: RedisClient,
        clock: Callable[[], float] = monotonic,
        *,
        credit: Callable[[ApprovalCredit], None] = ignore_credit,
    ) -> None:
        """Store the events in Redis.

        Args:
            client: Executes the commands.
            clock: Returns monotonic seconds.
            credit: Credits an approval.
        """
        self._clock = clock
        self._credit = credit
        self._client = client
        self._append = LuaScript(client, "append_events")
        self._queue: SimpleQueue[_Item] = SimpleQueue()
        self._writer = Thread(target=self._write_all, name="events", daemon=True)
        self._lock = Lock()
        self._flush_requested = threading.Event()
        self._dropped: Counter[tuple[str, str]] = Counter()
        self._next_report = self._next_trim = self._next_overload = -math.inf

    def add(self, event: Event) -> None:
        """Queue *event* for the background thread.

        An event that cannot be stored is dropped, and the log reports it. Of the
        requests that an overloaded worker rejects, one a second is stored.
        """
        if isinstance(event, RequestUnavailable) and not self._is_stored(event):
            return
        self._enqueue(event, _EVENTS)

    def add_credit(self, credit: ApprovalCredit) -> None:
        """Queue the credit of an approval; one that cannot be stored is dropped."""
        self._enqueue(credit, _CREDITS)

    def add_job(self, kind: str, run: Callable[[], object]) -> None:
        """Queue other work for the thread; what fails is dropped.

        Args:
            kind: What the work is about, in the plural, for the log.
            run: Does the work, in a few milliseconds.
        """
        self._enqueue(_Job(kind, run), kind)

    def _enqueue(self, item: Event | ApprovalCredit | _Job, kind: str) -> None:
        if not self._writer.ident:
            self._start_writer()
        # Threads that add at once can exceed the bound by one item each.
        if self._queue.qsize() < _MAX_QUEUED:
            self._queue.put(item)
        else:
            self._count_dropped(1, kind, "the queue is full")

    def _is_stored(self, event: RequestUnavailable) -> bool:
        if event.reason == "overloaded":
            # To store the event would cost as much as the rejection.
            now = self._clock()
            if now < self._next_overload:
                return False
            self._next_overload = now + _OVERLOAD_INTERVAL
        # A store that is unavailable would have to store its own event.
        return event.reason != "store"

    def _start_writer(self) -> None:
        """Start the thread; not earlier, because a forked process does not inherit it.

        Granian's workers are processes of `multiprocessing`, which do not call the
        functions of `atexit`.
        """
        with self._lock:
            if not self._writer.ident:
                self._writer.start()
                Finalize(None, self.flush, exitpriority=0)

    def _write_all(self) -> None:
        due = -math.inf
        while True:
            batch = [self._queue.get()]
            if self._queue.qsize() < _BATCH_SIZE:
                self._flush_requested.wait(due - self._clock())
                self._flush_requested.clear()
            with suppress(Empty):
                while len(batch) < _BATCH_SIZE:
                    batch.append(self._queue.get_nowait())
            now = self._clock()
            # Writes that did not wait, as for a flush, must not add up: later events
            # would wait for the sum of their intervals.
            due = min(max(due, now - _WRITE_BURST * _WRITE_INTERVAL), now)
            due += _WRITE_INTERVAL
            self._write_batch(batch)
            self._report_dropped()
            for item in batch:
                if isinstance(item, threading.Event):
                    item.set()

    def _write_batch(self, batch: Sequence[_Item]) -> None:
        events: list[Event] = []
        for item in batch:
            match item:
                case ApprovalCredit():
                    self._run(_CREDITS, partial(self._credit, item))
                case _Job():
                    self._run(item.kind, item.run)
                case threading.Event():
                    pass
                case _:
                    events.append(item)
        try:
            self._write(events)
        except Exception as error:  # noqa: BLE001 - after any error the next batch is written
            self._count_dropped(len(events), _EVENTS, type(error).__name__)

    def _run(self, kind: str, work: Callable[[], object]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - as for events
            self._count_dropped(1, kind, type(error).__name__)

    def _write(self, events: Sequence[Event]) -> None:
        if not events:
            return
        trim = self._clock() >= self._next_trim
        args: list[Argument] = [
            _MAX_ENTRIES,
            lua_codec.to_ms(RETENTION),
            lua_codec.to_epoch_ms(_oldest()) if trim else "",
        ]
        for event in events:
            number_of_key = STREAMS.index(stream_for(event)) + 1
            args += (number_of_key, *codec.encode(event).values())
        self._append.run(STREAMS, *args)
        if trim:
            self._next_trim = self._clock() + _TRIM_INTERVAL

    def _count_dropped(self, count: int, kind: str, reason: str) -> None:
        with self._lock:
            self._dropped[kind, reason] += count

    def _report_dropped(self) -> None:
        """Log the dropped events and credits, once a second at most."""
        if not self._dropped or self._clock() < self._next_report:
            return
        self._next_report = self._clock() + _REPORT_INTERVAL
        with self._lock:
            dropped, self._dropped = self._dropped, Counter()
        for (kind, reason), count in dropped.items():
            log.warning("%d %s are dropped: %s", count, kind, reason)

    def since(self, start: datetime | None) -> Iterator[RecordedEvent]:
        """Return the events since *start*, newest first.

        Args:
            start: Time of the oldest event; None for all that are stored.

        Raises:
            StoreUnavailable: Redis did not reply.
        """
        self.flush()
        oldest = max(start or _oldest(), _oldest())
        first, last = str(lua_codec.to_epoch_ms(oldest)), "+"
        while page := self._page(first, last):
            for entry_id, fields in page:
                if recorded := codec.decode_entry(codec.parse_id(entry_id), fields):
                    yield recorded
            last = f"({page[-1][0].decode()}"

    def tail(
        self,
        start: datetime,
        *,
        end: datetime | None = None,
        event_filter: EventFilter = ALL_EVENTS,
    ) -> EventTail:
        """Return a reader of both streams, oldest event first.

        Args:
            start: Time of the first event.
            end: Time of the last event; None for no end.
            event_filter: Selects the events.
        """
        return EventTail(
            self._client,
            STREAMS,
            max(start, _oldest()),
            end=end,
            event_filter=event_filter,
        )

    def starts(self) -> tuple[StreamStart, StreamStart]:
        """Return where the stored events start.

        Returns:
            The start of messages and approvals, and that of refused requests.

        Raises:
            StoreUnavailable: Redis did not reply.
        """
        own, unauthenticated = (self._start_of(stream) for stream in STREAMS)
        return own, unauthenticated

    def _start_of(self, stream: str) -> StreamStart:
        entries = self._client.execute(
            lambda redis: redis.xrange(stream, "-", "+", 1), stream
        )
        if not entries:
            return StreamStart(None)
        length = self._client.execute(lambda redis: redis.xlen(stream), stream)
        milliseconds, _ = codec.parse_id(entries[0][0])
        first = lua_codec.from_epoch_ms(milliseconds)
        return StreamStart(first, is_trimmed=length >= _MAX_ENTRIES)

    def flush(self, timeout: float = _FLUSH_TIMEOUT) -> bool:
        """Wait until all queued events and credits are written.

        Args:
            timeout: Longest wait in seconds.

        Returns:
            Whether all are written.
        """
        if not self._writer.ident:
            return True
        written = threading.Event()
        self._queue.put(written)
        self._flush_requested.set()
        return written.wait(timeout)

    def _page(self, first: str, last: str) -> list[Entry]:
        return self._client.execute(
            lambda redis: redis.xrevrange(keys.EVENTS, last, first, _PAGE_SIZE),
            keys.EVENTS,
        )


def stream_for(event: Event) -> str:
    """Return the key of the stream that stores *event*."""
    is_unauthenticated = isinstance(event, _UNAUTHENTICATED_EVENTS)
    return keys.UNAUTHENTICATED_EVENTS if is_unauthenticated else keys.EVENTS


def _oldest() -> datetime:
    """Return the start of the retention; Redis trims whole nodes, and so later."""
    return datetime.now(UTC) - RETENTION
