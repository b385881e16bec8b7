"""Results of reading a phone number, stored for the next request of the same person.

Reading a number by the numbering plans costs 0.06 ms, which is a fourth of the HTTP
part of a check. A send and its checks have the same number.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from functools import lru_cache
from typing import Generic, TypeVar

MAX_READINGS = 4096
"""Results that one worker stores at once, some 2 MB."""

MAX_AGE = timedelta(minutes=10)
"""The time after which a request deletes all results.

It is the lifetime of a code. A quick response reveals that the number was used in this
time, which the response to a check also reveals.
"""

_MAX_LENGTH = 32  # characters; more are formatting, and would fill the memory

T = TypeVar("T")


class RecentReadings(Generic[T]):
    """A function that reads a text by a region, and its recent results.

    Errors are not stored.
    """

    def __init__(
        self,
        read: Callable[[str, str], T],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Store results of *read*.

        Args:
            read: The function of a text and a region.
            clock: Returns monotonic seconds.
        """
        self._read = read
        self._stored = lru_cache(maxsize=MAX_READINGS)(read)
        self._clock = clock
        self._next_deletion = clock() + MAX_AGE.total_seconds()

    def __call__(self, text: str, region: str) -> T:
        """Return the result of the function for *text* in *region*."""
        if self._clock() >= self._next_deletion:
            self._stored.cache_clear()
            self._next_deletion = self._clock() + MAX_AGE.total_seconds()
        if len(text) > _MAX_LENGTH:
            return self._read(text, region)
        return self._stored(text, region)
