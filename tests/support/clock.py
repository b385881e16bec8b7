"""A clock that a test controls."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Clock:
    """Seconds that pass only when a test changes them."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now
