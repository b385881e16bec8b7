"""Events as the fields of a stream's entry, and back.

The fields of a value that an event holds, such as `whom`, stand beside its own.
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
    "lost": Lost,
    "undelivered": Undelivered,
    "approved": Approved,
    "wrong": WrongCode,
    "exhausted": Exhausted,
    "canceled": Canceled,
    "not_found": NothingWaiting,
    "refused": RequestRefused,
    "unserved": Unserved,
    "policy": PolicyChanged,
}
"""The events that are kept, by what they are called there."""

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


def kind_of(event: Event) -> str | None:
    """What *event* is called; none, if it is not kept."""
    return _NAMES.get(type(event))


def write(event: Event) -> dict[str, str | bytes | int]:
    """The entry of *event*; what is none is left out."""
    return {"kind": _NAMES[type(event)], **_flat(event)}


def read(entry: Fields) -> Event | None:
    """The event of an entry; none, if another release wrote it and meant more."""
    try:
        kind = KINDS[entry[b"kind"].decode()]
        event: Event = _value(kind, entry)
    except (KeyError, ValueError):
        return None
    return event


def _flat(value: Any) -> dict[str, str | bytes | int]:  # noqa: ANN401 - any dataclass
    flat: dict[str, str | bytes | int] = {}
    for field in fields(value):
        match getattr(value, field.name):
            case None:
                pass
            case bool() as truth:
                flat[field.name] = int(truth)
            case held if is_dataclass(held):
                flat |= _flat(held)
            case plain:
                flat[field.name] = plain
    return flat


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
