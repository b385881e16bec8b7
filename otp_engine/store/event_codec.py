"""Events as the fields of a stream entry, and back.

The fields of a nested value, such as the recipient, are stored next to the event's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from typing import Any, TypeAlias, get_type_hints

from otp_engine.domain.events import (
    Action,
    Approved,
    Canceled,
    CodeSent,
    Delivered,
    Event,
    Exhausted,
    Happened,
    Lost,
    NothingWaiting,
    PolicyChanged,
    RequestRefused,
    Undelivered,
    Unserved,
    WrongCode,
)
from otp_engine.domain.verification import Channel
from otp_engine.store import lua_codec

EVENT_TYPES: dict[str, type[Event]] = {
    "sent": CodeSent,
    "delivered": Delivered,
    "undelivered": Lost,
    "rejected": Undelivered,
    "approved": Approved,
    "failed_check": WrongCode,
    "max_attempts_reached": Exhausted,
    "canceled": Canceled,
    "not_found": NothingWaiting,
    "refused": RequestRefused,
    "unavailable": Unserved,
    "policy": PolicyChanged,
}
"""The types of events by their stored names, the event kinds."""

_NAMES = {event_type: name for name, event_type in EVENT_TYPES.items()}
_OPTIONAL = (str | None, int | None)
_CONVERTERS: dict[Any, Callable[[bytes], Any]] = {
    bytes: bytes,
    str: bytes.decode,
    str | None: bytes.decode,
    int: int,
    int | None: int,
    bool: lambda text: text == b"1",
    Channel: lambda text: Channel(text.decode()),
    Action: lambda text: Action(text.decode()),
}

Fields: TypeAlias = Mapping[bytes, bytes]


def type_name(event: Event) -> str:
    """Return the kind of an event."""
    return _NAMES[type(event)]


def flatten(value: Any) -> dict[str, Any]:  # noqa: ANN401 - any dataclass
    """Return the fields of *value*, with those of nested values at the same level."""
    flat: dict[str, Any] = {}
    for field in fields(value):
        item = getattr(value, field.name)
        flat |= flatten(item) if is_dataclass(item) else {field.name: item}
    return flat


def encode(event: Event) -> dict[str, str | bytes | int]:
    """Return the entry of an event, without the fields that are None."""
    entry: dict[str, str | bytes | int] = {"kind": type_name(event)}
    for name, value in flatten(event).items():
        if value is not None:
            entry[name] = int(value) if isinstance(value, bool) else value
    return entry


def decode_entry(milliseconds: int, entry: Fields) -> Happened | None:
    """Return the event of an entry with its time.

    Args:
        milliseconds: Time of the entry since 1970.
        entry: Its fields.

    Returns:
        None, if `decode` returns None.
    """
    event = decode(entry)
    return Happened(lua_codec.from_timestamp(milliseconds), event) if event else None


def decode(entry: Fields) -> Event | None:
    """Return the event of an entry.

    Returns:
        None, if another release wrote a kind or a value that this one does not know.
    """
    try:
        event_type = EVENT_TYPES[entry[b"kind"].decode()]
        event: Event = _decode_value(event_type, entry)
    except (KeyError, ValueError):
        return None
    return event


def _decode_value(cls: Any, entry: Fields) -> Any:  # noqa: ANN401 - a dataclass, and a value of it
    return cls(**{name: decoder(entry) for name, decoder in _decoders(cls)})


_Decoder: TypeAlias = Callable[[Fields], Any]


@cache
def _decoders(cls: Any) -> list[tuple[str, _Decoder]]:  # noqa: ANN401 - a dataclass
    """Return a decoder for each field of a dataclass."""
    hints = get_type_hints(cls)
    return [(field.name, _decoder(field, hints[field.name])) for field in fields(cls)]


def _decoder(field: Field[Any], hint: Any) -> _Decoder:  # noqa: ANN401 - any annotation
    key = field.name.encode()
    if is_dataclass(hint):
        return lambda entry: _decode_value(hint, entry)
    convert = _CONVERTERS[hint]
    default = None if hint in _OPTIONAL else field.default
    if default is MISSING:
        return lambda entry: convert(entry[key])
    return lambda entry: convert(entry[key]) if key in entry else default
