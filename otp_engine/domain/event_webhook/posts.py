"""The posts of the event webhook and of service webhooks, and their results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol, TypeAlias

CloudEvents: TypeAlias = Sequence[Mapping[str, Any]]
"""The events of one post, oldest first."""

ACCEPTED = "accepted"
"""The outcome of a post that the receiver answered with success."""

DROPPED = "dropped"
"""The outcome of a notice that no further attempt follows for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostResult:
    """The result of a post.

    Attributes:
        outcome: `accepted`; or why it was not, as one of few texts.
        retry_after: Time that the receiver requests, if it does.
    """

    outcome: str
    retry_after: timedelta | None = None

    @property
    def is_accepted(self) -> bool:
        """Whether the receiver has accepted the events."""
        return self.outcome == ACCEPTED


Post: TypeAlias = Callable[[CloudEvents], PostResult]
"""Posts events; it never raises."""


class EventWebhookMetrics(Protocol):
    """What the event webhook measures."""

    def count_post(self, outcome: str) -> None:
        """Count a post by its outcome."""

    def set_delay(self, delay: timedelta) -> None:
        """Set the age of the oldest event that waits; zero without one."""


class ServiceWebhookMetrics(Protocol):
    """What the posts to webhooks of services measure."""

    def count_post(self, outcome: str) -> None:
        """Count an attempt by its outcome, or a notice by `DROPPED`."""
