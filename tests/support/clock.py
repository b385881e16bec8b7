"""A clock that a test controls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class Clock:
    """Seconds that pass only when a test changes them.

    Attributes:
        now: The seconds.
        on_read: Called at each reading.
    """

    now: float = 100.0
    on_read: Callable[[], object] | None = None

    def __call__(self) -> float:
        if self.on_read:
            self.on_read()
        return self.now
