"""Events as the fields of a stream's entry, and back.

The fields of a value that an event holds, such as `whom`, stand beside its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import UTC, datetime
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

KINDS: dict[str, type[Event]] = {
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
"""The events, by what they are called in their entries."""

_NAMES = {kind: name for name, kind in KINDS.items()}
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


def kind_of(event: Event) -> str:
    """What *event* is called."""
    return _NAMES[type(event)]


def plain(value: Any) -> dict[str, Any]:  # noqa: ANN401 - any dataclass
    """The fields of *value*, and beside them those of the values in it."""
    flat: dict[str, Any] = {}
    for field in fields(value):
        held = getattr(value, field.name)
        flat |= plain(held) if is_dataclass(held) else {field.name: held}
    return flat


def write(event: Event) -> dict[str, str | bytes | int]:
    """The entry of *event*; what is none is left out."""
    held = {name: one for name, one in plain(event).items() if one is not None}
    flags = {name: int(one) for name, one in held.items() if isinstance(one, bool)}
    return {"kind": kind_of(event), **held, **flags}


def happened(milliseconds: int, entry: Fields) -> Happened | None:
    """The event of an entry with its time; none, as `read` says."""
    event = read(entry)
    at = datetime.fromtimestamp(milliseconds / 1000, tz=UTC)
    return Happened(at, event) if event else None


def read(entry: Fields) -> Event | None:
    """The event of an entry; none, if another release wrote it and meant more."""
    try:
        kind = KINDS[entry[b"kind"].decode()]
        event: Event = _value(kind, entry)
    except (KeyError, ValueError):
        return None
    return event


def _value(kind: Any, entry: Fields) -> Any:  # noqa: ANN401 - a dataclass, and a value of it
    return kind(**{name: read_from(entry) for name, read_from in _readers(kind)})


_Reader: TypeAlias = Callable[[Fields], Any]


@cache
def _readers(kind: Any) -> list[tuple[str, _Reader]]:  # noqa: ANN401 - a dataclass
    """How each field of *kind* is read from an entry."""
    hints = get_type_hints(kind)
    return [(field.name, _reader(field, hints[field.name])) for field in fields(kind)]


def _reader(field: Field[Any], hint: Any) -> _Reader:  # noqa: ANN401 - whatever a field is annotated with
    key = field.name.encode()
    if is_dataclass(hint):
        return lambda entry: _value(hint, entry)
    convert = _CONVERTERS[hint]
    default = None if hint in _OPTIONAL else field.default
    if default is MISSING:
        return lambda entry: convert(entry[key])
    return lambda entry: convert(entry[key]) if key in entry else default
