"""The sends of stored events, as a replay counts them again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum

from otp_engine.domain.events import (
    Action,
    CodeSent,
    RecordedEvent,
    RequestRefused,
    RequestUnavailable,
    SendRejected,
)
from otp_engine.domain.models import Channel
from otp_engine.domain.money.charges import BUDGET, BUDGET_COUNTRY
from otp_engine.domain.recipients import PseudonymousRecipient
from otp_engine.domain.send_facts import SendFacts

_MILLISECOND = timedelta(milliseconds=1)
_EPOCH = datetime.fromtimestamp(0, tz=UTC)


class Step(IntEnum):
    """The steps of a send at which rules refuse, in their order."""

    ENTRY = 0
    REQUESTER = 1
    PHONE = 2
    DESTINATION = 3
    MESSAGE = 4
    """No rule of this service refused, and a provider got the message."""


STEPS: dict[str, Step] = {
    "blocked_networks": Step.ENTRY,
    "country_not_allowed": Step.ENTRY,
    "number_type_not_allowed": Step.ENTRY,
    "call_countries": Step.ENTRY,
    "sending": Step.ENTRY,
    "failed_checks_per_phone": Step.PHONE,
    "max_checks": Step.PHONE,
    "max_consecutive_failures": Step.PHONE,
    "max_sends": Step.PHONE,
    "provider_refusal": Step.PHONE,
    "resend_cooldown": Step.PHONE,
    "sends_per_phone": Step.PHONE,
    BUDGET: Step.DESTINATION,
    BUDGET_COUNTRY: Step.DESTINATION,
    "pumping_guard": Step.DESTINATION,
    "calls_per_country": Step.DESTINATION,
    "calls_per_phone": Step.DESTINATION,
    "calls_total": Step.DESTINATION,
    "sends_per_mailbox": Step.DESTINATION,
    "sends_per_channel": Step.DESTINATION,
    "sends_per_country": Step.DESTINATION,
    "sends_per_prefix": Step.DESTINATION,
    "sends_total": Step.DESTINATION,
}
"""The steps of rules by their names in events; the others are of the requester."""


def step_of(rule: str) -> Step:
    """Return the step of a rule; a client's own limit can have any name."""
    return STEPS.get(rule, Step.REQUESTER)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RecordedSend:
    """A send of a stored event.

    Times are milliseconds since 1970 by the clock of Redis.

    Attributes:
        recipient: The recipient.
        facts: What limits counted it by.
        channel: The channel of its message.
        verification_id: Id of its verification; None if it has no message.
        service: SID of its service.
        step: The step that refused it; `MESSAGE` if none did.
        refused_by: The rule that refused it.
        counted_at: The time of the count at the last step.
        released_at: When the counts of phone and destination were released; None if
            they were kept.
        has_cost: Whether a provider accepted its message.
    """

    recipient: PseudonymousRecipient
    facts: SendFacts
    channel: Channel
    verification_id: bytes | None = None
    service: str = ""
    step: Step = Step.MESSAGE
    refused_by: str | None = None
    counted_at: int
    released_at: int | None = None
    has_cost: bool = False

    @classmethod
    def from_event(cls, recorded: RecordedEvent) -> RecordedSend | None:
        """Return the send of an event; None for an event without one.

        A refusal in shadow mode has none, because the send has an event of its own.
        """
        event, at = recorded.event, to_ms(recorded.occurred_at)
        match event:
            case CodeSent():
                return cls(
                    recipient=event.recipient,
                    facts=event.facts,
                    channel=event.channel,
                    verification_id=event.verification_id,
                    service=event.service,
                    counted_at=event.facts.counted_at or at,
                    has_cost=True,
                )
            case SendRejected():
                return cls(
                    recipient=event.recipient,
                    facts=event.facts,
                    channel=event.channel,
                    counted_at=event.facts.counted_at or at,
                    released_at=at,
                )
            case RequestUnavailable(action=Action.SEND) if event.facts.counted_at:
                return cls(
                    recipient=event.recipient,
                    facts=event.facts,
                    channel=Channel.SMS,
                    counted_at=event.facts.counted_at,
                    released_at=at,
                )
            case RequestRefused(action=Action.SEND, shadow=False):
                return _refused(event, at)
        return None

    def at(self, step: Step) -> int:
        """Return when a step counted or refused the send."""
        match step:
            case Step.REQUESTER | Step.ENTRY:
                return self.counted_at - self.facts.requester_ms
            case Step.PHONE:
                return self.counted_at - self.facts.phone_ms
            case _:
                return self.counted_at


def _refused(event: RequestRefused, at: int) -> RecordedSend:
    return RecordedSend(
        recipient=event.recipient,
        facts=event.facts,
        channel=event.channel or Channel.SMS,
        step=step_of(event.limit),
        # A share is a part of the same rule.
        refused_by=BUDGET if event.limit == BUDGET_COUNTRY else event.limit,
        counted_at=event.facts.counted_at or at,
        released_at=at,
    )


def to_ms(moment: datetime) -> int:
    """Return a time in milliseconds since 1970."""
    return (moment - _EPOCH) // _MILLISECOND
