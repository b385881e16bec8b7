"""The fields of an event, as `otp-engine events --json` and the documents have them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from otp_engine.domain.events import Event, RecordedEvent
from otp_engine.store.events.codec import flatten, kind_of

SHORT_HASH = 8
"""Characters of a hash or an id in text; JSON has all of them."""


def to_json_object(recorded: RecordedEvent) -> dict[str, Any]:
    """Return an event as it is documented: `at`, `kind` and its fields."""
    kind, fields = kind_of(recorded.event), to_dict(recorded.event)
    return {"at": recorded.occurred_at.isoformat(), "kind": kind, **fields}


def to_dict(event: Event) -> dict[str, Any]:
    """Return the fields of an event, with ids in hexadecimal digits."""
    return {name: _to_json_value(value) for name, value in flatten(event).items()}


def _to_json_value(value: Any) -> Any:  # noqa: ANN401 - any field of an event
    match value:
        case bytes():
            return value.hex()
        case datetime():
            return value.isoformat()
        case _:
            return value
