"""The protocol of what counts the messages of providers, and a null object for it."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

from otp_engine.domain.routing.steps import Step


class HealthRecorder(Protocol):
    """Counts what happens to messages; no method waits for the store."""

    def count_accepted(self, step: Step, *, reports_delivery: bool) -> None:
        """Count a message that a provider accepted.

        Args:
            step: The step.
            reports_delivery: Whether a delivery report is expected.
        """

    def count_error(self, step: Step) -> None:
        """Count a message with an unknown outcome, or that a provider did not take."""

    def count_report(self, step: Step, *, delay: timedelta, arrived: bool) -> None:
        """Count the first report on a message that decides whether it arrived.

        Args:
            step: The step.
            delay: Time since the provider accepted the message.
            arrived: Whether it arrived; otherwise it will not arrive.
        """


class NullHealthRecorder:
    """Counts nothing."""

    def count_accepted(self, step: Step, *, reports_delivery: bool) -> None:
        """Ignore the message."""

    def count_error(self, step: Step) -> None:
        """Ignore the message."""

    def count_report(self, step: Step, *, delay: timedelta, arrived: bool) -> None:
        """Ignore the report."""


NULL_HEALTH_RECORDER = NullHealthRecorder()
