"""The events of one phone, a line each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

from otp_engine.cli.terminal import printable
from otp_engine.domain.events import RecordedEvent
from otp_engine.operations.timeline import with_times, words


def lines(events: Iterable[RecordedEvent]) -> Iterator[str]:
    """Yield an event a line: its time, the time since the last message, and the words.

    Args:
        events: The events of one phone, oldest first.
    """
    for recorded, since_send in with_times(events):
        since = "" if since_send is None else f"+{_format(since_send)}"
        time = f"{recorded.occurred_at:%m-%d %H:%M:%SZ}"
        yield printable(f"{time}  {since:>9}  {words(recorded.event)}")


def _format(duration: timedelta) -> str:
    return str(timedelta(seconds=int(duration.total_seconds())))
