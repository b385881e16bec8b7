"""The end of several event streams, merged by time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from otp_engine.domain.events import RecordedEvent
from otp_engine.store import lua_codec
from otp_engine.store.events import codec
from otp_engine.store.events.event_filter import ALL_EVENTS, EventFilter
from otp_engine.store.redis_client import RedisClient

_PAGE_SIZE = 1_000

_EntryId = tuple[int, int]
_Page = list[tuple[_EntryId, codec.Fields]]


class EventTail:
    """A reader that continues where its last call ended."""

    def __init__(
        self,
        client: RedisClient,
        streams: Sequence[str],
        start: datetime,
        *,
        end: datetime | None = None,
        event_filter: EventFilter = ALL_EVENTS,
    ) -> None:
        """Read *streams* from the time *start* on.

        Args:
            client: Executes the commands.
            streams: Keys of the streams.
            start: Time of the first event.
            end: Time of the last event; None for no end.
            event_filter: Selects the events.
        """
        self._client = client
        self._last = str(lua_codec.to_epoch_ms(end)) if end else "+"
        self._filter = event_filter
        self._after = dict.fromkeys(streams, (lua_codec.to_epoch_ms(start), 0))

    def read_next(self) -> list[RecordedEvent]:
        """Return the selected events since the last call.

        Returns:
            Oldest first, some thousand at most; empty if there are none yet.

        Raises:
            StoreUnavailable: Redis did not reply; the next call skips nothing.
        """
        while page := self._merged_page():
            events = [
                codec.decode_entry(entry_id[0], fields)
                for entry_id, fields in page
                if self._filter.may_match(fields)
            ]
            if selected := [
                recorded
                for recorded in events
                if recorded and self._filter.matches(recorded.event)
            ]:
                return selected
        return []

    def _merged_page(self) -> _Page:
        """Return the next entries of all streams in their order."""
        pages = {stream: self._read(stream) for stream in self._after}
        # A full page may have a successor, and later entries must wait for that.
        full = [page[-1][0] for page in pages.values() if len(page) == _PAGE_SIZE]
        merged = sorted(
            (entry_id, stream, fields)
            for stream, page in pages.items()
            for entry_id, fields in page
            if not full or entry_id <= min(full)
        )
        for entry_id, stream, _ in merged:
            self._after[stream] = entry_id
        return [(entry_id, fields) for entry_id, _, fields in merged]

    def _read(self, stream: str) -> _Page:
        milliseconds, sequence = self._after[stream]
        page = self._client.execute(
            lambda redis: redis.xrange(
                stream, f"({milliseconds}-{sequence}", self._last, _PAGE_SIZE
            ),
            stream,
        )
        return [(_parse_id(entry_id), fields) for entry_id, fields in page]


def _parse_id(entry_id: bytes) -> _EntryId:
    milliseconds, _, sequence = entry_id.partition(b"-")
    return int(milliseconds), int(sequence)
