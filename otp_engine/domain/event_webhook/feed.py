"""Where the event webhook reads events, and stores how far it has come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from otp_engine.domain.event_webhook.followed import FollowedVerification
from otp_engine.domain.events import RecordedEvent


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the stream.

    Attributes:
        id: Its id.
        recorded: Its event; None if another release wrote it and this one cannot read
            it.
    """

    id: str
    recorded: RecordedEvent | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What was not posted yet.

    Attributes:
        read_at: The time, by the store's clock.
        position: Id of the last entry that was posted.
        oldest: Id of the oldest stored entry; empty without one.
        entries: The next entries, oldest first.
        due: Ids of verifications with a next look that is due, in hexadecimal.
    """

    read_at: datetime
    position: str
    oldest: str
    entries: Sequence[Entry]
    due: Sequence[bytes]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.entries and not self.due


class EventFeed(Protocol):
    """The stream of events, for one worker at a time; see `RedisEventFeed`."""

    def read(self, token: str) -> Batch | None:
        """Return what was not posted yet; None if another worker has the lead."""

    def read_followed(
        self, ids: Sequence[bytes]
    ) -> Mapping[bytes, FollowedVerification]:
        """Return what is known of verifications, by id."""

    def move(
        self,
        token: str,
        position: str,
        followed: Mapping[bytes, tuple[FollowedVerification, datetime] | None],
    ) -> bool:
        """Store that all entries up to *position* were posted."""

    def resign(self, token: str) -> None:
        """Give up the lead."""
