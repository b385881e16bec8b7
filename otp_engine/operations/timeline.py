"""The events of one phone in words, with the time since the last message."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any, TypeAlias

from otp_engine.domain.events import CodeSent, Event, RecordedEvent
from otp_engine.operations.event_fields import to_dict
from otp_engine.store.events.codec import kind_of

_Fields: TypeAlias = Mapping[str, Any]


def with_times(
    events: Iterable[RecordedEvent],
) -> Iterator[tuple[RecordedEvent, timedelta | None]]:
    """Yield each event with the time since the last message before it.

    Args:
        events: The events of one phone, oldest first.
    """
    sent_at = None
    for recorded in events:
        yield recorded, (recorded.occurred_at - sent_at if sent_at else None)
        if isinstance(recorded.event, CodeSent):
            sent_at = recorded.occurred_at


def words(event: Event) -> str:
    """Return what happened to a phone, in words."""
    fields = to_dict(event)
    kind = kind_of(event)
    if fields.get("shadow"):
        return f"{fields['action']} would be refused: {fields['limit']} (shadow)"
    in_words = _WORDS.get(kind)
    return in_words(fields) if in_words else kind


def _sent(fields: _Fields) -> str:
    unconfirmed = "" if fields["confirmed"] else ", which did not answer"
    fallback = " as a fallback" if fields["is_fallback"] else ""
    return f"sent{_by(fields)} ({fields['channel']}){fallback}{unconfirmed}"


def _by(fields: _Fields) -> str:
    return f" by {fields['provider']}" if fields["provider"] else ""


def _on(fields: _Fields) -> str:
    return f" ({fields['channel']})"


def _reason(fields: _Fields) -> str:
    reason = fields["provider_error"] or fields.get("error")
    return f": {reason}" if reason else ""


_WORDS: dict[str, Callable[[_Fields], str]] = {
    "sent": _sent,
    "delivered": lambda fields: f"delivered{_by(fields)}{_on(fields)}",
    "read": lambda fields: f"read{_by(fields)}{_on(fields)}",
    "undelivered": lambda fields: (
        f"undelivered{_by(fields)}{_on(fields)}{_reason(fields)}"
    ),
    "rejected": lambda fields: f"rejected{_by(fields)}{_reason(fields)}",
    "failed_check": lambda fields: (
        f"wrong code, {fields['attempts_remaining']} attempts left"
    ),
    "max_attempts_reached": lambda _: "no attempts left, the codes no longer work",
    "not_found": lambda _: "check without a pending verification",
    "refused": lambda fields: f"{fields['action']} refused: {fields['limit']}",
    "phone_data_deleted": lambda fields: (
        f"data deleted by {fields['operator']} ({fields['source']})"
    ),
    "unavailable": lambda fields: (
        f"{fields['action']} not possible: {fields['reason']}"
    ),
}
"""The words of each kind; a kind without words is one itself."""
