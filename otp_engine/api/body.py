"""Strict parsing of a request body, JSON or a form, into named values.

It rejects what two parsers could read differently: text that is not UTF-8, repeated
fields, `NaN` and unpaired surrogates.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType
from werkzeug.wsgi import get_content_length

from otp_engine.api import form_numbers
from otp_engine.domain.phones.numbers import PhoneNumber
from otp_engine.errors import InvalidRequest

MAX_BYTES = 16 * 1024
_JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
_MAX_FIELDS = 64
_PLAIN = frozenset({"", "identity"})  # values of Content-Encoding


@dataclass(frozen=True, slots=True)
class Body:
    """The fields of a request body. The repr omits their values.

    Attributes:
        is_form: Whether the body is a form, in which a `+` that is not encoded becomes
            a space.
    """

    _values: Mapping[str, Any]
    is_form: bool = False

    def get_text(self, name: str) -> str | None:
        """Return the text of a field, or None if it is missing or null.

        Raises:
            InvalidRequest: The field is blank or not text.
        """
        value = self._values.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            raise InvalidRequest(f"'{name}' must be text, in quotes.")
        if not value or value.isspace():
            raise InvalidRequest(f"'{name}' is empty.")
        return value

    def get_number(
        self, name: str, parse: Callable[[str], PhoneNumber]
    ) -> PhoneNumber | None:
        """Return the phone number in a field, or None if it is missing.

        Args:
            name: The name of the field.
            parse: Parses the text of a number.

        Raises:
            InvalidRequest: The field is blank, not text, or not a number.
        """
        text = self.get_text(name)
        if text is None:
            return None
        return form_numbers.parse(text, parse) if self.is_form else parse(text)

    def get_flag(self, name: str) -> bool:
        """Return an optional boolean, in a form as text; False if it is missing.

        Raises:
            InvalidRequest: The field is not a boolean.
        """
        match self._values.get(name):
            case True | "true" | "1":
                return True
            case None | False | "false" | "0":
                return False
            case _:
                raise InvalidRequest(f"'{name}' must be true or false.")

    def __repr__(self) -> str:
        return f"Body({', '.join(sorted(map(ascii, self._values)))})"


def parse(request: Request) -> Body:
    """Parse the body of *request*, a JSON object or a form.

    Raises:
        InvalidRequest: The body is malformed.
        UnsupportedMediaType: The media type is another one (415).
        RequestEntityTooLarge: The body is longer than `MAX_BYTES` (413).
    """
    media_type = media_type_of(request)
    if media_type == _JSON or media_type.endswith("+json"):
        return Body(parse_json_object(_read(request)))
    if media_type == FORM:
        return Body(parse_form(request), is_form=True)
    raise UnsupportedMediaType


def media_type_of(request: Request) -> str:
    """Return the media type in `Content-Type`, in lower case without parameters."""
    media_type: str = request.environ.get("CONTENT_TYPE", "")
    # Other spellings and parameters need a parser, which costs more.
    return media_type if media_type in {_JSON, FORM} else request.mimetype


def parse_form(request: Request, *, lists: Collection[str] = ()) -> dict[str, str]:
    """Parse the body of *request* as a form.

    Args:
        request: The request.
        lists: The names of fields that can be repeated. A comma separates their values.

    Returns:
        The value of each field by its name; a value can be empty.

    Raises:
        InvalidRequest: The body is malformed, incomplete or without a Content-Length.
        RequestEntityTooLarge: The body is longer than `MAX_BYTES` (413).
    """
    # A truncated form is also a valid form, so its length must be declared.
    if get_content_length(request.environ) is None:
        raise InvalidRequest("A form needs a Content-Length.")
    try:
        pairs = parse_qsl(
            _read(request).removeprefix(codecs.BOM_UTF8).decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MAX_FIELDS,
        )
    except ValueError:
        raise InvalidRequest("The body is not a valid form.") from None
    joined = {
        name: ",".join(value for other, value in pairs if other == name)
        for name in lists
        if name in dict(pairs)
    }
    return _unique([pair for pair in pairs if pair[0] not in joined]) | joined


def missing(name: str) -> InvalidRequest:
    """Return the error for a required field that is missing."""
    return InvalidRequest(f"'{name}' is missing.")


def parse_json_object(body: bytes) -> dict[str, Any]:
    """Parse a JSON object in UTF-8 that every parser reads in the same way.

    A byte order mark in front is ignored (RFC 8259, section 8.1).

    Raises:
        InvalidRequest: The body is malformed, ambiguous or not an object.
    """
    try:
        value = _JSON_DECODER.decode(body.decode("utf-8-sig"))
        # UTF-8 contains no surrogates, so an unpaired one is escaped. It cannot be
        # encoded.
        if b"\\u" in body:
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise InvalidRequest("The body is not valid JSON.") from None
    if not isinstance(value, dict):
        raise InvalidRequest("The body must be a JSON object.")
    return value


def _read(request: Request) -> bytes:
    environ = request.environ
    length = get_content_length(environ)
    if length is None:
        # Werkzeug cuts off a body that is longer than the limit.
        body = request.get_data(cache=False)
    elif length > MAX_BYTES:
        raise RequestEntityTooLarge
    else:
        try:
            # The streams of Werkzeug cost five times as much as the read.
            body = environ["wsgi.input"].read(length)
        except (OSError, ValueError):
            body = b""
        if len(body) != length:
            raise InvalidRequest("The body is incomplete.")
    if len(body) > MAX_BYTES:
        raise RequestEntityTooLarge
    if environ.get("HTTP_CONTENT_ENCODING", "").strip().lower() not in _PLAIN:
        raise InvalidRequest("Send the body without a Content-Encoding.")
    return body


def _unique(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in pairs:
        if name in values:
            raise InvalidRequest("A field is repeated.")
        values[name] = value
    return values


def _reject_constant(_constant: str) -> NoReturn:
    raise InvalidRequest("The body is not valid JSON.")


_JSON_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_constant=_reject_constant
)
