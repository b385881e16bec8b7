"""The inbox of dev mode: messages as a recipient would see them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from otp_engine.domain.verification import Channel


class State(StrEnum):
    """The status of a code."""

    PENDING = "pending"
    APPROVED = "approved"
    CANCELED = "canceled"
    EXHAUSTED = "exhausted"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A message in the inbox.

    Attributes:
        at: When it was sent.
        expires: When its code expires.
        to: The number in E.164.
        channel: How it would be delivered.
        locale: The language of the body; None for the default.
        body: The text with the code.
        code: The code.
        verification: Id of the verification, 16 bytes.
        ended: Final status of the verification; None while it is live.
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
        """Return the status of its code at *now*."""
        if self.ended:
            return self.ended
        return State.PENDING if now < self.expires else State.EXPIRED
