"""What is stored about one phone, or about one e-mail address.

The full address is only an input: the results have the masked one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import partial

from otp_engine.composition.engine import build_sandbox_numbers
from otp_engine.config import Settings
from otp_engine.domain import addresses
from otp_engine.domain.addresses import Address
from otp_engine.domain.events import (
    Event,
    PhoneDataDeleted,
    PhoneInspected,
    RecordedEvent,
)
from otp_engine.domain.inspection import (
    Exclusion,
    InspectedVerification,
    NextSend,
    PhoneInspector,
    PhoneReport,
)
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.pumping_guard.listing import ListedPlace
from otp_engine.domain.pumping_guard.rules import GuardMode
from otp_engine.domain.recipients import PseudonymousRecipient
from otp_engine.operations.context import OperatorContext
from otp_engine.store.events.codec import EVENT_KINDS
from otp_engine.store.events.event_filter import EventFilter

_RECENT = timedelta(days=1)
_MAX_EVENTS = 20
# What operators read would hide what happened to the phone.
_TIMELINE_KINDS = EVENT_KINDS.keys() - {"phone_inspected"}


class Source(StrEnum):
    """Where an operator works."""

    CONSOLE = "console"
    COMMAND = "command"


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectedPhone:
    """What is stored about one phone or e-mail address.

    Attributes:
        masked: The address, masked.
        phone_hashes: Its `phone_hash` in events, under each pepper.
        policy: The live policy.
        policy_problem: Why the live version is invalid in this release, if it is.
        report: Its verifications, its limits and the places of its number.
        exclusion: What refuses every send to it, if anything does.
        events: Its newest events of the last day, oldest first.
    """

    masked: str
    phone_hashes: Sequence[str]
    policy: Policy
    policy_problem: str | None
    report: PhoneReport
    exclusion: Exclusion | None
    events: Sequence[RecordedEvent]

    def attempts(self, verification: InspectedVerification) -> tuple[int, int]:
        """Return the checks that a verification still accepts, and all of them."""
        allowed = self.policy.checks_allowed(bound=verification.is_bound)
        return max(0, allowed - verification.pending.attempts_used), allowed

    def sends_remaining(self, verification: InspectedVerification) -> int:
        """Return the sends that a verification still has."""
        return max(0, self.policy.max_sends - verification.sends.count)

    def next_send(self, verification: InspectedVerification | None = None) -> NextSend:
        """Return when the next send is allowed; see `PhoneReport.next_send`."""
        return self.report.next_send(self.policy, verification)

    def is_shadow(self, listed: ListedPlace) -> bool:
        """Return whether the guard refuses nothing in a place."""
        return self.policy.guard.for_country(listed.country) is not GuardMode.ON


def parse_address(text: str, settings: Settings) -> Address:
    """Parse a phone number or an e-mail address, as operators write it.

    Args:
        text: The address.
        settings: The settings, with the country of national numbers.

    Raises:
        InvalidRequest: The text is no address. The message does not contain it.
    """
    sandbox = build_sandbox_numbers(settings)
    return addresses.parse(text, partial(sandbox.parse, region=settings.default_region))


def phone_hashes(address: Address, settings: Settings) -> list[str]:
    """Return the `phone_hash` of an address in events, under each pepper."""
    return [
        PseudonymousRecipient.from_address(address, pepper).phone_hash
        for pepper in settings.peppers
    ]


def inspect(
    context: OperatorContext, address: Address, *, operator: str, source: Source
) -> InspectedPhone:
    """Return what is stored about a phone or an e-mail address, and record that.

    Args:
        context: The settings and the stores.
        address: The address; see `parse_address`.
        operator: Name of the operator, for the event.
        source: Where the operator reads it, for the event.

    Raises:
        StoreUnavailable: Redis did not reply.
    """
    settings, read = context.settings, context.read_policy()
    inspector = _inspector(context, read.policy)
    report = inspector.inspect(address, _namespaces(context))
    hashes = phone_hashes(address, settings)
    inspected = InspectedPhone(
        masked=address.masked,
        phone_hashes=hashes,
        policy=read.policy,
        policy_problem=read.problem,
        report=report,
        exclusion=report.find_exclusion(
            address, read.policy, settings.offered_channels
        ),
        events=_recent_events(context, hashes),
    )
    recipient = PseudonymousRecipient.from_address(address, settings.peppers[0])
    # After the reading, which would else contain the event or not by chance.
    _record(
        context,
        PhoneInspected(recipient=recipient, operator=operator, source=source),
    )
    return inspected


def delete(
    context: OperatorContext, address: Address, *, operator: str, source: Source
) -> bool:
    """Delete the data of a phone or an e-mail address, and record that.

    Args:
        context: The settings and the stores.
        address: The address; see `parse_address`.
        operator: Name of the operator, for the event.
        source: Where the operator deletes it, for the event.

    Returns:
        Whether any data was stored.

    Raises:
        StoreUnavailable: Redis did not reply.
    """
    inspector = _inspector(context, context.read_policy().policy)
    recipient = PseudonymousRecipient.from_address(address, context.settings.peppers[0])
    is_deleted = inspector.delete(address, _namespaces(context))
    # The operator learns that a phone has no data, so that is a look at it.
    kind = PhoneDataDeleted if is_deleted else PhoneInspected
    _record(context, kind(recipient=recipient, operator=operator, source=source))
    return is_deleted


def _record(context: OperatorContext, event: Event) -> None:
    context.store.events.add(event)
    context.store.events.flush()


def _inspector(context: OperatorContext, policy: Policy) -> PhoneInspector:
    settings, store = context.settings, context.store
    return PhoneInspector(
        store,
        store.limit_usage,
        store.guard,
        settings.peppers,
        policy,
        settings.offered_channels,
    )


def _namespaces(context: OperatorContext) -> list[str]:
    """Return the namespaces of all services; that of the default one is empty."""
    services = context.store.services.list_services()
    return ["", *(service.sid for service in services)]


def _recent_events(
    context: OperatorContext, hashes: Sequence[str]
) -> list[RecordedEvent]:
    # A worker stores its own events in the background.
    context.store.events.flush()
    event_filter = EventFilter(kinds=_TIMELINE_KINDS, phone_hashes=hashes)
    tail = context.store.events.tail(
        context.clock() - _RECENT, event_filter=event_filter
    )
    newest: deque[RecordedEvent] = deque(maxlen=_MAX_EVENTS)
    while recorded := tail.read_next():
        newest += recorded
    return list(newest)
