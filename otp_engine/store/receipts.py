"""Which reports of carriers have been heard: a carrier may send one twice."""

from __future__ import annotations

from datetime import timedelta

from otp_engine.store import keys
from otp_engine.store.line import Line

_LIFE = timedelta(days=1)


class Receipts:
    """Keeps `otp:{<message>}:receipt` for a day each."""

    def __init__(self, line: Line) -> None:
        """Keep them where *line* leads."""
        self._line = line

    def is_new(self, message: str) -> bool:
        """Remember the report on *message*, and say whether it is the first."""
        key = keys.receipt(message)
        return bool(self._line.ask(lambda it: it.set(key, b"", nx=True, px=_LIFE), key))
