"""Reads a body, JSON or a form, into named texts.

Strict where leniency would let two readers see two different requests: UTF-8 only,
no field twice, no `NaN`, no half of a surrogate pair.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from otp_engine.errors import InvalidRequest

LONGEST_BODY = 16 * 1024
_MOST_FIELDS = 64


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of one request; their values are kept out of the repr."""

    _values: Mapping[str, Any]

    def text(self, name: str) -> str:
        """Read a text that must be there.

        Raises:
            InvalidRequest: It is missing, empty or not text.
        """
        if (given := self.optional_text(name)) is None:
            raise InvalidRequest(f"'{name}' is missing.")
        return given

    def optional_text(self, name: str) -> str | None:
        """Read a text that may be left out, or be `null`.

        Raises:
            InvalidRequest: It is there, and empty or not text.
        """
        given = self._values.get(name)
        if given is None:
            return None
        if not isinstance(given, str):
            raise InvalidRequest(f"'{name}' must be text, in quotes.")
        if not given.strip():
            raise InvalidRequest(f"'{name}' is empty.")
        return given

    def flag(self, name: str) -> bool:
        """Read a switch that may be left out: `true` or `false`, in a form as text.

        Raises:
            InvalidRequest: It is anything else.
        """
        match self._values.get(name):
            case True | "true" | "1":
                return True
            case None | False | "false" | "0":
                return False
            case _:
                raise InvalidRequest(f"'{name}' must be true or false.")

    def plain(self, name: str) -> str | None:
        """Read whatever text was given, an empty one too."""
        given = self._values.get(name)
        return given if isinstance(given, str) else None

    def __repr__(self) -> str:
        return f"Fields({', '.join(sorted(map(ascii, self._values)))})"


def read(request: Request) -> Fields:
    """Read the body of *request*.

    Raises:
        InvalidRequest: It is not what its type says, or not an object.
        UnsupportedMediaType: It is neither JSON nor a form (415).
        RequestEntityTooLarge: It is longer than the app accepts (413).
    """
    kind = request.mimetype
    if kind == "application/json" or kind.endswith("+json"):
        return Fields(_from_bytes(_body(request)))
    if kind == "application/x-www-form-urlencoded":
        # Half a form is a form too, so one that does not say its length is not read.
        if request.content_length is None:
            raise InvalidRequest("A form needs a Content-Length.")
        return Fields(_from_form(_body(request)))
    raise UnsupportedMediaType


def _body(request: Request) -> bytes:
    # Werkzeug refuses what says it is too long, and cuts off what does not say it.
    body = request.get_data(cache=False)
    if len(body) > LONGEST_BODY:
        raise RequestEntityTooLarge
    if request.content_length not in {None, len(body)}:
        raise InvalidRequest("The body broke off.")
    return body


def _from_bytes(body: bytes) -> dict[str, Any]:
    try:
        return from_json(body.decode())
    except UnicodeDecodeError:
        raise InvalidRequest("The body is not valid JSON.") from None


def from_json(text: str) -> dict[str, Any]:
    """Read a JSON object that can be read in one way only, and written down again.

    Raises:
        InvalidRequest: It is none.
    """
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse)
        # Text with half of a surrogate pair cannot be written down again.
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise InvalidRequest("The body is not valid JSON.") from None
    if not isinstance(value, dict):
        raise InvalidRequest("The body must be a JSON object.")
    return value


def _from_form(body: bytes) -> dict[str, Any]:
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError:
        raise InvalidRequest("The body is not a valid form.") from None
    return _unique(pairs)


def _unique(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in pairs:
        if name in values:
            raise InvalidRequest("A field is there twice.")
        values[name] = value
    return values


def _refuse(_constant: str) -> NoReturn:
    raise InvalidRequest("The body is not valid JSON.")
