"""What happened, in a stream that forgets its beginning."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from otp_engine.domain.events import Approved, CodeSent, Event, Happened
from otp_engine.domain.verification import Channel
from otp_engine.errors import StoreUnavailable
from otp_engine.store import keys
from otp_engine.store.connection import Client
from otp_engine.store.line import Line

log = logging.getLogger(__name__)

_KEPT = 100_000
_LIFE = timedelta(days=31)
_AT_A_TIME = 5_000

_Fields = Mapping[bytes, bytes]


class Events:
    """Keeps `otp:{events}`, some hundred thousand entries at most, for a month."""

    def __init__(self, line: Line) -> None:
        """Keep them where *line* leads."""
        self._line = line

    def add(self, event: Event) -> None:
        """Remember *event*, unless Redis is away: what it tells of has happened."""
        fields = _written(event)

        def put(client: Client) -> None:
            with client.pipeline(transaction=False) as pipeline:
                pipeline.xadd(keys.EVENTS, fields, maxlen=_KEPT, approximate=True)
                pipeline.pexpire(keys.EVENTS, _LIFE)
                pipeline.execute()

        try:
            self._line.ask(put, keys.EVENTS)
        except StoreUnavailable:
            log.warning("an event is lost: %s", type(event).__name__)

    def since(self, begin: datetime | None) -> Iterator[Happened]:
        """What happened since *begin*, newest first; all that is kept, if not said."""
        first, last = f"{_milliseconds(begin)}" if begin else "-", "+"
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
