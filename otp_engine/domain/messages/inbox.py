"""The inbox of dev mode: messages as a recipient would see them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from otp_engine.domain.models import Channel


class CodeStatus(StrEnum):
    """The status of a code."""

    PENDING = "pending"
    APPROVED = "approved"
    CANCELED = "canceled"
    MAX_ATTEMPTS_REACHED = "exhausted"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxMessage:
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

    sent_at: datetime
    expires_at: datetime
    to: str = field(repr=False)
    channel: Channel
    locale: str | None
    body: str = field(repr=False)
    code: str = field(repr=False)
    verification_id: bytes
    final_status: CodeStatus | None = None

    def status(self, now: datetime) -> CodeStatus:
        """Return the status of its code at *now*."""
        if self.final_status:
            return self.final_status
        return CodeStatus.PENDING if now < self.expires_at else CodeStatus.EXPIRED
