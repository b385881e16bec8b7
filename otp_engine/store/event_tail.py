"""What happens, read on from where the reading stopped."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from otp_engine.domain.events import Happened
from otp_engine.store import event_fields
from otp_engine.store.line import Line

_AT_A_TIME = 1_000

_Name = tuple[int, int]
_Found = list[tuple[_Name, event_fields.Fields]]


class Tail:
    """The end of some streams, as one."""

    def __init__(self, line: Line, streams: Sequence[str], begin: datetime) -> None:
        """Begin with what happened at *begin*."""
        self._line = line
        self._after = dict.fromkeys(streams, (int(begin.timestamp() * 1000), 0))

    def more(self) -> list[Happened]:
        """What happened since this was last asked, oldest first; some thousand at most.

        Raises:
            StoreUnavailable: Redis did not answer; asked again, nothing is left out.
        """
        while found := self._page():
            told = [event_fields.happened(name[0], fields) for name, fields in found]
            if readable := [one for one in told if one]:
                return readable
        return []

    def _page(self) -> _Found:
        """The next entries of all streams, in their order."""
        found = {stream: self._read(stream) for stream in self._after}
        # Behind the end of a page there is more, and so nothing later may be told yet.
        full = [page[-1][0] for page in found.values() if len(page) == _AT_A_TIME]
        told = sorted(
            (name, stream, fields)
            for stream, page in found.items()
            for name, fields in page
            if not full or name <= min(full)
        )
        for name, stream, _ in told:
            self._after[stream] = name
        return [(name, fields) for name, _, fields in told]

    def _read(self, stream: str) -> _Found:
        milliseconds, turn = self._after[stream]
        page = self._line.ask(
            lambda client: client.xrange(
                stream, f"({milliseconds}-{turn}", "+", _AT_A_TIME
            ),
            stream,
        )
        return [(_name(name), fields) for name, fields in page]


def _name(name: bytes) -> _Name:
    milliseconds, _, turn = name.partition(b"-")
    return int(milliseconds), int(turn)
