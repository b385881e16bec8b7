"""Phones that are served whatever their country is."""

from __future__ import annotations

from otp_engine.store import keys
from otp_engine.store.line import Line


class SafeList:
    """Keeps `otp:{safe_list}`; see `domain.ports.SafeList`."""

    def __init__(self, line: Line) -> None:
        """Keep it where *line* leads."""
        self._line = line

    def add(self, phone: str) -> bool:
        """Remember a phone, and say whether it was new."""
        return bool(self._line.ask(lambda it: it.sadd(keys.SAFE, phone), keys.SAFE))

    def has(self, phone: str) -> bool:
        """Whether a phone is remembered."""
        return bool(
            self._line.ask(lambda it: it.sismember(keys.SAFE, phone), keys.SAFE)
        )

    def remove(self, phone: str) -> bool:
        """Forget a phone, and say whether it was remembered."""
        return bool(self._line.ask(lambda it: it.srem(keys.SAFE, phone), keys.SAFE))
