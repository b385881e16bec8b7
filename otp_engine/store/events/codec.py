"""Events as entries of a stream: the kind, and the event as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeAlias

from otp_engine.domain.events import (
    BudgetReached,
    ChallengeApproved,
    CheckFailed,
    CheckNotFound,
    CodeSent,
    Event,
    FactorApproved,
    FactorCheckFailed,
    FactorCheckRefused,
    FactorCheckUnavailable,
    FactorCreated,
    FactorDeleted,
    FactorVerified,
    LimitNear,
    MaxAttemptsReached,
    MessageDelivered,
    MessageRead,
    MessageUndelivered,
    OperatorSignedIn,
    PhoneDataDeleted,
    PhoneInspected,
    PlaceSuspended,
    PolicyChanged,
    ProviderWeightChanged,
    RecordedEvent,
    RequestRefused,
    RequestUnavailable,
    SendRejected,
    VerificationApproved,
    VerificationCanceled,
)
from otp_engine.domain.pumping_guard.rules import Pressure
from otp_engine.store import lua_codec
from otp_engine.store.json_codec import converter

EVENT_KINDS: dict[str, type[Event]] = {
    "sent": CodeSent,
    "delivered": MessageDelivered,
    "read": MessageRead,
    "undelivered": MessageUndelivered,
    "rejected": SendRejected,
    "approved": VerificationApproved,
    "failed_check": CheckFailed,
    "max_attempts_reached": MaxAttemptsReached,
    "canceled": VerificationCanceled,
    "not_found": CheckNotFound,
    "refused": RequestRefused,
    "unavailable": RequestUnavailable,
    "policy": PolicyChanged,
    "limit_near": LimitNear,
    "budget": BudgetReached,
    "suspended": PlaceSuspended,
    "pressure": Pressure,
    "provider_weight": ProviderWeightChanged,
    "operator_signed_in": OperatorSignedIn,
    "phone_inspected": PhoneInspected,
    "phone_data_deleted": PhoneDataDeleted,
    "factor_created": FactorCreated,
    "factor_verified": FactorVerified,
    "factor_deleted": FactorDeleted,
    "factor_check_failed": FactorCheckFailed,
    "factor_approved": FactorApproved,
    "challenge_approved": ChallengeApproved,
    "factor_check_refused": FactorCheckRefused,
    "factor_unavailable": FactorCheckUnavailable,
}
"""The class of each event kind, which is the stored name of an event."""

INCIDENT_KINDS = (
    *("policy", "limit_near", "budget", "suspended", "pressure"),
    "provider_weight",
)
"""The kinds of which operators see each event, because there are few of them."""

_NAMES = {event_type: name for name, event_type in EVENT_KINDS.items()}

# Without spaces and defaults an entry takes a tenth less memory.
_compact_converter = converter.copy(omit_if_default=True)
_to_text = json.JSONEncoder(separators=(",", ":")).encode

Fields: TypeAlias = Mapping[bytes, bytes]

EntryId: TypeAlias = tuple[int, int]
"""Time of an entry in milliseconds since 1970, and its number among those of the same
time."""


def kind_of(event: Event) -> str:
    """Return the kind of an event."""
    return _NAMES[type(event)]


def flatten(value: Any) -> dict[str, Any]:  # noqa: ANN401 - any dataclass
    """Return the fields of *value*, with those of nested values at the same level."""
    flat: dict[str, Any] = {}
    for field in fields(value):
        item = getattr(value, field.name)
        flat |= flatten(item) if is_dataclass(item) else {field.name: item}
    return flat


def encode(event: Event) -> dict[str, str]:
    """Return the entry of an event."""
    text = _to_text(_compact_converter.unstructure(event))
    return {"kind": kind_of(event), "event": text}


def parse_id(entry_id: bytes) -> EntryId:
    """Return the numbers of the id of an entry."""
    milliseconds, _, sequence = entry_id.partition(b"-")
    return int(milliseconds), int(sequence)


def decode_entry(entry_id: EntryId, entry: Fields) -> RecordedEvent | None:
    """Return the event of an entry with its time and its sequence number.

    Args:
        entry_id: The id of the entry.
        entry: Its fields.

    Returns:
        None, if `decode` returns None.
    """
    event = decode(entry)
    if event is None:
        return None
    milliseconds, sequence = entry_id
    return RecordedEvent(lua_codec.from_epoch_ms(milliseconds), event, sequence)


def decode(entry: Fields) -> Event | None:
    """Return the event of an entry.

    Returns:
        None, if another release wrote a kind or a value that this one does not know.
    """
    try:
        event_type = EVENT_KINDS[entry[b"kind"].decode()]
        event: Event = converter.loads(entry[b"event"].decode(), event_type)
    except (KeyError, TypeError, ValueError):
        return None
    return event
