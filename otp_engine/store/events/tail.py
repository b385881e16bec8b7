"""The end of several event streams, merged by time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime
from operator import itemgetter

from otp_engine.domain.events import RecordedEvent
from otp_engine.store import lua_codec
from otp_engine.store.events import codec
from otp_engine.store.events.event_filter import ALL_EVENTS, EventFilter
from otp_engine.store.redis_client import RedisClient

_PAGE_SIZE = 1_000

_Page = list[tuple[codec.EntryId, codec.Fields]]
_id_of = itemgetter(0)


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
        self._returned = dict(self._after)
        # Entries that were read and wait for earlier ones of another stream.
        self._waiting: dict[str, _Page] = {stream: [] for stream in streams}

    @property
    def position(self) -> tuple[codec.EntryId, ...]:
        """The last entry of each stream that the calls have read, also unselected."""
        return tuple(self._returned.values())

    def skip_to(self, position: Sequence[codec.EntryId]) -> None:
        """Skip what another reader has read.

        Args:
            position: Its `position`.
        """
        for stream, entry_id in zip(self._after, position, strict=True):
            self._after[stream] = max(self._after[stream], entry_id)
        self._returned = dict(self._after)

    def read_next(self) -> list[RecordedEvent]:
        """Return the selected events since the last call.

        Returns:
            Oldest first, some thousand at most; empty if there are none yet.

        Raises:
            StoreUnavailable: Redis did not reply; the next call skips nothing.
        """
        while page := self._merged_page():
            events = [
                codec.decode_entry(entry_id, fields)
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
        # Later entries of other streams wait for those that a stream may still have.
        ends = [end for stream in self._after if (end := self._fill(stream))]
        merged: _Page = []
        for stream, page in self._waiting.items():
            count = bisect_right(page, min(ends), key=_id_of) if ends else len(page)
            merged += page[:count]
            if count:
                self._returned[stream] = page[count - 1][0]
            self._waiting[stream] = page[count:]
        return sorted(merged, key=_id_of)

    def _fill(self, stream: str) -> codec.EntryId | None:
        """Read a stream without waiting entries.

        Returns:
            The last entry that was read, if later ones may be stored.
        """
        page = self._waiting[stream]
        is_complete = False
        if not page:
            self._waiting[stream] = page = self._read(stream)
            is_complete = len(page) < _PAGE_SIZE
        if not page:
            return None
        self._after[stream] = last = page[-1][0]
        return None if is_complete else last

    def _read(self, stream: str) -> _Page:
        milliseconds, sequence = self._after[stream]
        page = self._client.execute(
            lambda redis: redis.xrange(
                stream, f"({milliseconds}-{sequence}", self._last, _PAGE_SIZE
            ),
            stream,
        )
        return [(codec.parse_id(entry_id), fields) for entry_id, fields in page]
