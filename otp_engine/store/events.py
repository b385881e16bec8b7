"""What happened, in streams that forget their beginning.

What strangers can cause as often as they like has a stream of its own, so that a flood
of refusals pushes nothing else out of what is kept.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from queue import Empty, Full, Queue
from threading import Lock, Thread
from time import monotonic

from otp_engine.domain.events import (
    Event,
    Happened,
    NothingWaiting,
    RequestRefused,
    Unserved,
)
from otp_engine.store import event_fields, keys
from otp_engine.store.connection import Client
from otp_engine.store.event_tail import Tail
from otp_engine.store.line import Line

log = logging.getLogger(__name__)

STREAMS = (keys.EVENTS, keys.REFUSALS)
_KEPT = 100_000
LIFE = timedelta(days=31)
"""How long they are kept."""
_AT_A_TIME = 5_000
_AT_ONCE = 100
_MOST_WAITING = 10_000
_A_MOMENT = 1  # second
_BETWEEN_TRIMS = 60  # seconds

_STRANGERS = (RequestRefused, NothingWaiting, Unserved)
_Entry = tuple[bytes, event_fields.Fields]


class Events:
    """Keeps `otp:{events}`, some hundred thousand entries at most in each, for a month.

    They are written behind the backs of requests, which have happened and must not
    wait: what is said here is there a moment later, and twice if Redis had to be asked
    twice.
    """

    def __init__(self, line: Line) -> None:
        """Keep them where *line* leads."""
        self._line = line
        self._told: Queue[Event] = Queue(_MOST_WAITING)
        self._writer = Thread(target=self._write_all, name="events", daemon=True)
        self._beginning = Lock()
        self._trim_next = 0.0

    def add(self, event: Event) -> None:
        """Remember *event* soon, unless Redis is away or too much is happening."""
        if isinstance(event, Unserved) and event.why == "store":
            # It would be written to the very store that did not answer.
            return
        with self._beginning:
            # Not before: a thread does not follow into a process that is forked.
            if not self._writer.ident:
                self._writer.start()
        try:
            self._told.put_nowait(event)
        except Full:
            log.warning("an event is lost: too many")

    def _write_all(self) -> None:
        while True:
            batch = [self._told.get()]
            with suppress(Empty):
                while len(batch) < _AT_ONCE:
                    batch.append(self._told.get_nowait())
            try:
                self._write(batch)
            except Exception as error:  # noqa: BLE001 - whatever it is, the next are written
                log.warning("%d events are lost: %s", len(batch), type(error).__name__)
            for _ in batch:
                self._told.task_done()

    def _write(self, batch: Sequence[Event]) -> None:
        def put(client: Client) -> None:
            # One transaction: an entry never makes a stream that has no expiry.
            with client.pipeline(transaction=True) as pipeline:
                for event in batch:
                    fields = event_fields.write(event)
                    pipeline.xadd(stream_of(event), fields, maxlen=_KEPT)
                for stream in sorted(set(map(stream_of, batch))):
                    pipeline.pexpire(stream, LIFE)
                for stream in STREAMS if late else ():
                    pipeline.xtrim(stream, minid=_milliseconds(_oldest()))
                pipeline.execute()

        late = monotonic() > self._trim_next
        self._line.ask(put, keys.EVENTS)
        if late:
            self._trim_next = monotonic() + _BETWEEN_TRIMS

    def since(self, begin: datetime | None) -> Iterator[Happened]:
        """What became of codes since *begin*, newest first; all, if not said."""
        self.settle()
        first, last = str(_milliseconds(max(begin or _oldest(), _oldest()))), "+"
        while found := self._page(first, last):
            for name, fields in found:
                milliseconds = int(name.partition(b"-")[0])
                if happened := event_fields.happened(milliseconds, fields):
                    yield happened
            last = f"({found[-1][0].decode()}"

    def tail(self, begin: datetime) -> Tail:
        """All that happened since *begin* and will happen, oldest first."""
        return Tail(self._line, STREAMS, max(begin, _oldest()))

    def settle(self) -> None:
        """Wait until all that was told here is written; a moment at most."""
        written = self._told.all_tasks_done
        with written:
            written.wait_for(lambda: not self._told.unfinished_tasks, _A_MOMENT)

    def _page(self, first: str, last: str) -> list[_Entry]:
        found: list[_Entry] = self._line.ask(
            lambda client: client.xrevrange(keys.EVENTS, last, first, _AT_A_TIME),
            keys.EVENTS,
        )
        return found


def stream_of(event: Event) -> str:
    """Where *event* is kept."""
    return keys.REFUSALS if isinstance(event, _STRANGERS) else keys.EVENTS


def _oldest() -> datetime:
    """The stream is trimmed by whole nodes, so it can hold some that are older."""
    return datetime.now(UTC) - LIFE


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
