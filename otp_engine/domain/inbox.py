"""Messages that never left: what a phone would show, for whoever develops with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from otp_engine.domain.verification import Channel


class State(StrEnum):
    """What has become of a code."""

    PENDING = "pending"
    APPROVED = "approved"
    CANCELED = "canceled"
    EXHAUSTED = "exhausted"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A message in the inbox.

    Attributes:
        to: The number in E.164.
        body: The text, code included.
        expires: When its code does.
        verification: Whose code it is, 16 bytes.
        ended: What has become of the verification, if it has ended before its time.
    """

    at: datetime
    expires: datetime
    to: str = field(repr=False)
    channel: Channel
    locale: str | None
    body: str = field(repr=False)
    code: str = field(repr=False)
    verification: bytes
    ended: State | None = None

    def state(self, now: datetime) -> State:
        """What has become of its code by *now*."""
        if self.ended:
            return self.ended
        return State.PENDING if now < self.expires else State.EXPIRED
