"""The protocol of measurements, and a null object for it."""

from __future__ import annotations

from typing import Protocol


class DependencyMetrics(Protocol):
    """Records how long hashes, Redis commands and messages take, in seconds."""

    def observe_hash(self, *, waited: float, took: float) -> None:
        """Record one hash.

        Args:
            waited: Seconds until its turn.
            took: Seconds of computation.
        """

    def count_hash_rejection(self) -> None:
        """Count a request that was rejected, because its hash would start too late."""

    def observe_store_call(self, took: float | None, error: str | None) -> None:
        """Record one call of the store.

        Args:
            took: Seconds until the answer or the failure; None if no call was made.
            error: Class of the failure; None after a success.
        """

    def observe_delivery(
        self, sender: str, took: float, outcome: str, error: str | None
    ) -> None:
        """Record one message that a provider was called for.

        Args:
            sender: Name of the provider.
            took: Seconds until the provider answered or the call failed.
            outcome: `accepted`, the name of an `OTPError`, or `unexpected`.
            error: The provider's error code, or `outcome`; None if it was accepted.
        """


class NullMetrics:
    """Metrics that record nothing."""

    def observe_hash(self, *, waited: float, took: float) -> None:
        """Ignore the hash."""

    def count_hash_rejection(self) -> None:
        """Ignore the rejection."""

    def observe_store_call(self, took: float | None, error: str | None) -> None:
        """Ignore the call."""

    def observe_delivery(
        self, sender: str, took: float, outcome: str, error: str | None
    ) -> None:
        """Ignore the message."""


NULL_METRICS = NullMetrics()
