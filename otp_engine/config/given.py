"""What was given: variables, and the problems with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from otp_engine.config import secret_settings

T = TypeVar("T")
D = TypeVar("D")


class Environment:
    """Reads variables, and keeps the problems until somebody asks."""

    def __init__(self, given: Mapping[str, str]) -> None:
        """Read what was *given*, and the files that it names."""
        self._given, self._unreadable = secret_settings.read_files(given)
        self.problems: list[str] = [*self._unreadable.values()]

    def has(self, name: str) -> bool:
        """Whether *name* is there, and not empty (compose files pass empty ones)."""
        return bool(self._given.get(name, "").strip())

    def read(self, name: str, reader: Callable[[str], T], default: D) -> T | D:
        """What *reader* makes of *name*; the default, if it is not there."""
        if not self.has(name):
            return default
        try:
            return reader(self._given[name])
        except ValueError as problem:
            self.problems.append(f"{name} {problem}")
            return default

    def demand(self, *names: str, why: str) -> None:
        """Have it a problem if one of *names* is not there."""
        missing = [
            name
            for name in names
            if not self.has(name) and name not in self._unreadable
        ]
        self.problems.extend(f"{name} is not set: {why}" for name in missing)

    def unknown(self, known: Iterable[str]) -> list[str]:
        """Those that look like ours, and are none of those *known*."""
        mine = [name for name in self._given if name.startswith("OTP_")]
        return sorted(set(mine) - set(known))
