"""What is told how long things take."""

from __future__ import annotations

from typing import Protocol


class Meter(Protocol):
    """Is told of each thing that took time; all times are in seconds."""

    def hashed(self, *, waited: float, took: float) -> None:
        """A hash has *waited* for a thread, and then *took* so long."""

    def not_hashed(self) -> None:
        """A hash found no place, or waited too long for one."""

    def asked_store(self, took: float | None, error: str | None) -> None:
        """The store was asked; *took* is none where that was not even tried.

        *error* is the kind of what it came to.
        """

    def handed_over(
        self, sender: str, took: float, outcome: str, error: str | None
    ) -> None:
        """A carrier was given a message.

        Args:
            sender: What operators call it.
            took: Until it answered, or did not.
            outcome: `accepted`, or the name of the error.
            error: The carrier's own number for it, or the name of the error.
        """


class Unmetered:
    """Measures nothing."""

    def hashed(self, *, waited: float, took: float) -> None:
        """Nothing."""

    def not_hashed(self) -> None:
        """Nothing."""

    def asked_store(self, took: float | None, error: str | None) -> None:
        """Nothing."""

    def handed_over(
        self, sender: str, took: float, outcome: str, error: str | None
    ) -> None:
        """Nothing."""


UNMETERED = Unmetered()
