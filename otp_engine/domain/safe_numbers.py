"""The numbers of the safe list, which the country filter and the guard leave out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from threading import Lock
from time import monotonic

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.phones.numbers import PhoneNumber
from otp_engine.domain.ports import SafeListStore

_REFRESH_INTERVAL = 1.0  # seconds


class SafeNumbers:
    """The safe list, stored as keyed hashes.

    Few services have one. Whether it is empty is therefore read once a second, and a
    send of the others pays for no command. Every method raises `StoreUnavailable`.
    """

    def __init__(
        self,
        store: SafeListStore,
        peppers: Sequence[Pepper],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Read the list of *store*.

        Args:
            store: Stores the hashes.
            peppers: The current pepper, then the previous one during a rotation.
            clock: Returns monotonic seconds.
        """
        self._store = store
        self._peppers = peppers
        self._clock = clock
        self._has_numbers = True
        self._next_refresh = -math.inf
        self._refresh_lock = Lock()

    def exempts(self, number: PhoneNumber) -> bool:
        """Return whether a send to *number* is exempt.

        One send a second pays for a second command. The others find a list that another
        worker started up to a second later.
        """
        is_due = self._clock() >= self._next_refresh
        if is_due and self._refresh_lock.acquire(blocking=False):
            try:
                self._has_numbers = not self._store.is_empty()
                self._next_refresh = self._clock() + _REFRESH_INTERVAL
            finally:
                self._refresh_lock.release()
        return self._has_numbers and self.contains(number)

    def contains(self, number: PhoneNumber) -> bool:
        """Return whether *number* is on the list.

        A number that was added under the previous pepper of a rotation is added under
        the current one, so that it stays when the previous pepper is removed.
        """
        current, *previous = self._hashes(number)
        if self._store.contains(current):
            return True
        is_listed = any(self._store.contains(hashed) for hashed in previous)
        if is_listed:
            self._store.add(current)
        return is_listed

    def add(self, number: PhoneNumber) -> None:
        """Add *number*."""
        self._store.add(self._hashes(number)[0])
        self._has_numbers = True

    def remove(self, number: PhoneNumber) -> bool:
        """Remove *number*; return whether it was on the list."""
        return sum(map(self._store.remove, self._hashes(number))) > 0

    def _hashes(self, number: PhoneNumber) -> list[str]:
        """Return the stored forms of a number, that of the current pepper first."""
        return [pepper.pseudonymize("safe", number.e164) for pepper in self._peppers]
