"""Events in two streams of limited length.

Events that unauthenticated clients can cause without limit have a stream of their own,
so that a flood of refused requests removes no other events.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from queue import Empty, Full, Queue
from threading import Lock, Thread
from time import monotonic
from typing import Any

from otp_engine.domain.events import (
    CheckNotFound,
    Event,
    RecordedEvent,
    RequestRefused,
    RequestUnavailable,
)
from otp_engine.store import keys, lua_codec
from otp_engine.store.connection import Entry, RedisCommands
from otp_engine.store.events import codec
from otp_engine.store.events.event_filter import ALL_EVENTS, EventFilter
from otp_engine.store.events.tail import EventTail
from otp_engine.store.redis_client import RedisClient

log = logging.getLogger(__name__)

STREAMS = (keys.EVENTS, keys.UNAUTHENTICATED_EVENTS)
RETENTION = timedelta(days=31)
"""How long events are stored."""
_MAX_ENTRIES = 100_000
_PAGE_SIZE = 5_000
_BATCH_SIZE = 100
_MAX_QUEUED = 10_000
_FLUSH_TIMEOUT = 1  # second
_TRIM_INTERVAL = 60  # seconds

_UNAUTHENTICATED_EVENTS = (RequestRefused, CheckNotFound, RequestUnavailable)


class RedisEventStore:
    """Stores `otp:{events}`, about 100,000 entries a stream, for a month.

    A background thread writes events, so they appear shortly after the request. They
    may be duplicated when a write is retried.
    """

    def __init__(self, client: RedisClient) -> None:
        """Store the events in Redis.

        Args:
            client: Executes the commands.
        """
        self._client = client
        self._queue: Queue[Event] = Queue(_MAX_QUEUED)
        self._writer = Thread(target=self._write_all, name="events", daemon=True)
        self._starting = Lock()
        self._trim_next = 0.0

    def add(self, event: Event) -> None:
        """Queue *event* for the background thread.

        An event that cannot be stored is dropped, and the log reports it.
        """
        if isinstance(event, RequestUnavailable) and event.reason == "store":
            # The store that is unavailable would have to store this event.
            return
        with self._starting:
            # Not earlier: a forked process does not inherit threads.
            if not self._writer.ident:
                self._writer.start()
        try:
            self._queue.put_nowait(event)
        except Full:
            log.warning("an event is dropped: the queue is full")

    def _write_all(self) -> None:
        while True:
            batch = [self._queue.get()]
            with suppress(Empty):
                while len(batch) < _BATCH_SIZE:
                    batch.append(self._queue.get_nowait())
            try:
                self._write(batch)
            except Exception as error:  # noqa: BLE001 - after any error the next batch is written
                kind = type(error).__name__
                log.warning("%d events are dropped: %s", len(batch), kind)
            for _ in batch:
                self._queue.task_done()

    def _write(self, batch: Sequence[Event]) -> None:
        def write(redis: RedisCommands) -> None:
            # One transaction: an entry never creates a stream without an expiry.
            with redis.pipeline(transaction=True) as pipeline:
                for event in batch:
                    fields: dict[Any, Any] = codec.encode(event)
                    pipeline.xadd(stream_for(event), fields, maxlen=_MAX_ENTRIES)
                for stream in sorted(set(map(stream_for, batch))):
                    pipeline.pexpire(stream, RETENTION)
                for stream in STREAMS if trim else ():
                    pipeline.xtrim(stream, minid=lua_codec.to_epoch_ms(_oldest()))
                pipeline.execute()

        trim = monotonic() > self._trim_next
        self._client.execute(write, keys.EVENTS)
        if trim:
            self._trim_next = monotonic() + _TRIM_INTERVAL

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
                milliseconds = int(entry_id.partition(b"-")[0])
                if recorded := codec.decode_entry(milliseconds, fields):
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

    def flush(self, timeout: float = _FLUSH_TIMEOUT) -> bool:
        """Wait until all queued events are written.

        Args:
            timeout: Longest wait in seconds.

        Returns:
            Whether all events are written.
        """
        written = self._queue.all_tasks_done
        with written:
            return written.wait_for(lambda: not self._queue.unfinished_tasks, timeout)

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
