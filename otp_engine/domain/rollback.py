"""Release what a request has reserved in the store, if it fails later."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TypeAlias, TypeVar

from otp_engine.errors import OTPError, StoreUnavailable

T = TypeVar("T")

_Errors: TypeAlias = type[OTPError] | tuple[type[OTPError], ...]

Release: TypeAlias = Callable[[OTPError], object]
"""Releases one reservation, and gets the error that the request failed with.

It changes nothing where nothing was reserved.
"""


class Rollback:
    """The reservations of one request, in the order in which they were made."""

    def __init__(self) -> None:
        self._releases: list[tuple[Release, _Errors]] = []

    def reserve(
        self, action: Callable[[], T], release: Release, *, on: _Errors = OTPError
    ) -> T:
        """Reserve with *action*, and remember how to release it.

        A store that did not answer may have reserved or not, so *release* is remembered
        after its silence as well.

        Args:
            action: Reserves.
            release: Releases what *action* reserved.
            on: The errors of the request that release it.

        Returns:
            What *action* returns.

        Raises:
            OTPError: Raised by *action*.
        """
        try:
            reserved = action()
        except StoreUnavailable:
            self._releases.append((release, on))
            raise
        self._releases.append((release, on))
        return reserved

    def run(self, error: OTPError) -> None:
        """Release what *error* releases, the newest reservation first.

        What cannot be released while Redis is silent stays counted. That costs a
        recipient a wait; the opposite would let requests exceed a limit.
        """
        for release, on in reversed(self._releases):
            if isinstance(error, on):
                with suppress(StoreUnavailable):
                    release(error)
