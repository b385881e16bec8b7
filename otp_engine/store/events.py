"""What happened, in a stream that forgets its beginning."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from queue import Empty, Full, Queue
from threading import Lock, Thread
from time import monotonic

from otp_engine.domain.events import Approved, CodeSent, Event, Happened
from otp_engine.domain.verification import Channel
from otp_engine.store import keys
from otp_engine.store.connection import Client
from otp_engine.store.line import Line

log = logging.getLogger(__name__)

_KEPT = 100_000
_LIFE = timedelta(days=31)
_AT_A_TIME = 5_000
_AT_ONCE = 100
_MOST_WAITING = 10_000
_A_MOMENT = 1  # second
_BETWEEN_TRIMS = 60  # seconds

_Fields = Mapping[bytes, bytes]


class Events:
    """Keeps `otp:{events}`, some hundred thousand entries at most, for a month.

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
            with client.pipeline(transaction=False) as pipeline:
                for event in batch:
                    pipeline.xadd(keys.EVENTS, _written(event), maxlen=_KEPT)
                if late:
                    pipeline.xtrim(keys.EVENTS, minid=_milliseconds(_oldest()))
                    pipeline.pexpire(keys.EVENTS, _LIFE)
                pipeline.execute()

        late = monotonic() > self._trim_next
        self._line.ask(put, keys.EVENTS)
        if late:
            self._trim_next = monotonic() + _BETWEEN_TRIMS

    def since(self, begin: datetime | None) -> Iterator[Happened]:
        """What happened since *begin*, newest first; all that is kept, if not said."""
        written = self._told.all_tasks_done
        with written:
            written.wait_for(lambda: not self._told.unfinished_tasks, _A_MOMENT)
        first, last = str(_milliseconds(max(begin or _oldest(), _oldest()))), "+"
        while found := self._page(first, last):
            for name, fields in found:
                moment = int(name.partition(b"-")[0]) / 1000
                yield Happened(datetime.fromtimestamp(moment, tz=UTC), _read(fields))
            last = f"({found[-1][0].decode()}"

    def _page(self, first: str, last: str) -> list[tuple[bytes, _Fields]]:
        found: list[tuple[bytes, _Fields]] = self._line.ask(
            lambda client: client.xrevrange(keys.EVENTS, last, first, _AT_A_TIME),
            keys.EVENTS,
        )
        return found


def _oldest() -> datetime:
    """The stream is trimmed by whole nodes, so it can hold some that are older."""
    return datetime.now(UTC) - _LIFE


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _written(event: Event) -> dict[str, str | bytes | int]:
    match event:
        case CodeSent():
            return {
                "kind": "sent",
                "id": event.verification,
                "attempt": event.attempt,
                "service": event.service,
                "phone": event.phone,
                "prefix": event.prefix,
                "country": event.country,
                "channel": event.channel,
                "length": event.code_length,
                "locale": event.locale or "",
            }
        case Approved():
            return {"kind": "approved", "id": event.verification}


def _read(fields: _Fields) -> Event:
    if fields[b"kind"] == b"approved":
        return Approved(verification=fields[b"id"])
    return CodeSent(
        verification=fields[b"id"],
        attempt=fields[b"attempt"],
        service=fields[b"service"].decode(),
        phone=fields[b"phone"].decode(),
        prefix=fields[b"prefix"].decode(),
        country=fields[b"country"].decode(),
        channel=Channel(fields[b"channel"].decode()),
        code_length=int(fields[b"length"]),
        locale=fields[b"locale"].decode() or None,
    )
