"""What the event webhook knows of a verification: the sum of its events.

An event of the stream is one change. A CloudEvent of Twilio Verify also contains what
happened before: when the verification was created, and every send and check. So
the webhook follows each verification from its first event until an hour after its last
code has expired, when the last delivery reports have arrived.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from otp_engine.domain.events import (
    CheckFailed,
    CodeSent,
    Event,
    MaxAttemptsReached,
    MessageDelivered,
    MessageRead,
    MessageUndelivered,
    RecordedEvent,
    VerificationApproved,
    VerificationCanceled,
)
from otp_engine.domain.models import Channel
from otp_engine.domain.recipients import PseudonymousRecipient

_AFTER_THE_END = timedelta(hours=1)

VerificationEvent = (
    CodeSent
    | MessageDelivered
    | MessageRead
    | MessageUndelivered
    | VerificationApproved
    | CheckFailed
    | MaxAttemptsReached
    | VerificationCanceled
)
"""An event of one verification."""


class Status(StrEnum):
    """The status of a verification, as Twilio's events write it."""

    PENDING = "PENDING"
    APPROVED = "APPROVED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    MAX_ATTEMPTS_REACHED = "MAX_ATTEMPTS_REACHED"


FINAL_STATUSES: dict[type[Event], Status] = {
    VerificationApproved: Status.APPROVED,
    VerificationCanceled: Status.CANCELED,
    MaxAttemptsReached: Status.MAX_ATTEMPTS_REACHED,
}
"""The status that an event ends a verification with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowedSend:
    """One send of a verification.

    Attributes:
        at: Time of the send.
        send_id: Id of the send, 8 bytes.
        delivery_id: Id of its delivery; None in events of releases that lacked it.
        channel: Channel of the message.
        locale: BCP 47 tag of its text; None means as the country has it.
    """

    at: datetime
    send_id: bytes
    delivery_id: str | None
    channel: Channel
    locale: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowedCheck:
    """One check of a verification.

    Attributes:
        at: Time of the check.
        success: Whether the code was right.
    """

    at: datetime
    success: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowedVerification:
    """A verification, as its events show it.

    Attributes:
        id: Id of the verification, 16 bytes.
        recipient: Its recipient.
        service: SID of its service; empty for the default service.
        code_length: Number of characters of its last code; 0 if no send is known.
        status: Its status.
        created_at: Time of the first send; None if that was before the webhook started.
        expires_at: Time at which its last code expires; None as above.
        ended_at: Time at which its status became final.
        sends: Its sends, oldest first.
        checks: Its checks, oldest first.
        sealed_address: The encrypted address, if the operator wants it.
    """

    id: bytes
    recipient: PseudonymousRecipient
    service: str = ""
    code_length: int = 0
    status: Status = Status.PENDING
    created_at: datetime | None = None
    expires_at: datetime | None = None
    ended_at: datetime | None = None
    sends: tuple[FollowedSend, ...] = ()
    checks: tuple[FollowedCheck, ...] = ()
    sealed_address: str | None = None

    def next_look(self, at: datetime) -> datetime:
        """Return when it has to be looked at without an event.

        Args:
            at: Time of its last event.

        Returns:
            The time at which it expires, or at which it is deleted.
        """
        end = self.expires_at or at
        return end if self.status is Status.PENDING else end + _AFTER_THE_END

    def send_of(self, delivery_id: str | None) -> FollowedSend | None:
        """Return the send with that delivery; None if it is not known."""
        found = (send for send in self.sends if send.delivery_id == delivery_id)
        return next(found, None) if delivery_id else None


def verification_id(recorded: RecordedEvent) -> bytes | None:
    """Return the id of the verification of an event; None for other events."""
    if isinstance(recorded.event, VerificationEvent):
        return recorded.event.verification_id
    return None


def follow(
    known: FollowedVerification | None, recorded: RecordedEvent
) -> FollowedVerification | None:
    """Return a verification after one more of its events.

    Args:
        known: The verification before; None if this is its first known event.
        recorded: The event.

    Returns:
        The verification; None if the event belongs to none.
    """
    event, at = recorded.event, recorded.occurred_at
    followed_id = verification_id(recorded)
    if followed_id is None or not isinstance(event, VerificationEvent):
        return known
    known = known or FollowedVerification(id=followed_id, recipient=event.recipient)
    match event:
        case CodeSent():
            return _sent(known, event, at)
        case CheckFailed():
            return _checked(known, at, success=False)
        case VerificationApproved():
            known = _checked(known, at, success=True)
    final = FINAL_STATUSES.get(type(event))
    return _ended(known, final, at) if final else known


def expire(known: FollowedVerification) -> FollowedVerification | None:
    """Return a verification after the time of its `next_look`.

    Returns:
        The expired verification; None if it had ended before and can be deleted.
    """
    if known.status is not Status.PENDING or known.expires_at is None:
        return None
    return _ended(known, Status.EXPIRED, known.expires_at)


def _sent(
    known: FollowedVerification, event: CodeSent, at: datetime
) -> FollowedVerification:
    send = FollowedSend(
        at=at,
        send_id=event.send_id,
        delivery_id=event.delivery_id,
        channel=event.channel,
        locale=event.locale,
    )
    ends = [end for end in (known.expires_at, event.expires_at) if end]
    return replace(
        known,
        service=event.service,
        code_length=event.code_length,
        created_at=known.created_at or (at if not known.sends else None),
        expires_at=max(ends, default=None),
        sends=(*known.sends, send),
        sealed_address=event.sealed_address or known.sealed_address,
    )


def _checked(
    known: FollowedVerification, at: datetime, *, success: bool
) -> FollowedVerification:
    return replace(known, checks=(*known.checks, FollowedCheck(at=at, success=success)))


def _ended(
    known: FollowedVerification, status: Status, at: datetime
) -> FollowedVerification:
    return replace(known, status=status, ended_at=at)
