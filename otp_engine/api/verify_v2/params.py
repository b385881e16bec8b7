"""Form parameters as Twilio's SDKs send them, and their parsers.

Unknown parameters are ignored, and so is a body of another media type. A known
parameter that is not valid is rejected by its name. Each parser takes the text, returns
the value, and raises a `ValueError` if the text is not valid.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import Request

from otp_engine import parsing
from otp_engine.api import body
from otp_engine.api.verify_v2 import errors
from otp_engine.errors import InvalidRequest

_APP_HASH = re.compile(r"[A-Za-z0-9+/]{11}", re.ASCII)

T = TypeVar("T")

boolean = parsing.boolean(("true",), ("false",))
"""Parse `true` or `false`."""


@dataclass(frozen=True, slots=True)
class FormParams:
    """The parameters of a request. The repr omits their values.

    An empty parameter counts as missing.
    """

    _values: Mapping[str, str]

    def get(self, name: str) -> str | None:
        """Return the text of *name*, or None if it is missing."""
        return self._values.get(name) or None

    def is_empty(self, name: str) -> bool:
        """Return whether the request has *name* with an empty text."""
        return self._values.get(name) == ""

    def require(self, name: str) -> str:
        """Return the text of *name*.

        Raises:
            TwilioApiError: The parameter is missing.
        """
        if not (text := self._values.get(name)):
            raise errors.invalid_parameter(name)
        return text

    def parse(self, name: str, parser: Callable[[str], T]) -> T | None:
        """Return the parsed value of *name*, or None if it is missing.

        Raises:
            TwilioApiError: *parser* raised a `ValueError`.
        """
        if not (text := self._values.get(name)):
            return None
        try:
            return parser(text)
        except ValueError:
            raise errors.invalid_parameter(name) from None

    def parse_all(
        self, parsers: Mapping[str, Callable[[str], Any]], *, required: Iterable[str]
    ) -> dict[str, Any]:
        """Return the parsed value of each parameter that the request has.

        Args:
            parsers: The parser of each parameter, in the order of the checks.
            required: The parameters that must be present.

        Raises:
            TwilioApiError: A parameter is missing, or its parser raised a `ValueError`.
        """
        for name in required:
            if not self._values.get(name):
                raise errors.invalid_parameter(name)
        present = [name for name in parsers if self._values.get(name)]
        return {name: self.parse(name, parsers[name]) for name in present}

    def without(self, name: str) -> FormParams:
        """Return the parameters except *name*."""
        return FormParams(
            {key: value for key, value in self._values.items() if key != name}
        )

    def __repr__(self) -> str:
        return f"FormParams({', '.join(sorted(map(ascii, self._values)))})"


def parse(request: Request, *, lists: Collection[str] = ()) -> FormParams:
    """Parse the form of *request*; another media type has no parameters.

    Args:
        request: The request.
        lists: The parameters that can be repeated, as SDKs send arrays. A comma
            separates their values.

    Raises:
        InvalidRequest: The form is malformed or ambiguous.
    """
    if body.media_type_of(request) == body.FORM:
        return FormParams(body.parse_form(request, lists=lists))
    return FormParams({})


def single_line(max_length: int) -> Callable[[str], str]:
    """Return a parser of one line of printable text."""

    def parse(text: str) -> str:
        if len(text) > max_length or not text.isprintable():
            raise ValueError(f"must be one line of at most {max_length} characters")
        return text

    return parse


def app_hash(text: str) -> str:
    """Parse the hash that identifies an app to Android's SMS Retriever."""
    if not _APP_HASH.fullmatch(text):
        raise ValueError(f"must be 11 characters of base64: {text!r}")
    return text


def sid(prefix: str) -> Callable[[str], str]:
    """Return a parser of SIDs with the two letters of *prefix*."""

    def parse(text: str) -> str:
        if not parsing.is_sid(text, prefix):
            raise ValueError(f"must be {prefix} and 32 hexadecimal digits: {text!r}")
        return text

    return parse


def json_object(text: str) -> Mapping[str, Any]:
    """Parse a JSON object."""
    try:
        return body.parse_json_object(text.encode())
    except InvalidRequest:
        raise ValueError("must be a JSON object") from None


def string_map(text: str) -> Mapping[str, str]:
    """Parse a JSON object of texts and whole numbers; return numbers as text."""
    values = json_object(text)
    if not all(map(_is_text_or_integer, values.values())):
        raise ValueError("must have only texts and whole numbers as values")
    return {name: str(value) for name, value in values.items()}


def _is_text_or_integer(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)
