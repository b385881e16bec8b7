"""Reads the parameters of a request, as Twilio's SDKs write them: a form.

What is not known is ignored, and so is a body of any other kind; what is known and
cannot be read is refused by its name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import Request

from otp_engine.api import fields
from otp_engine.api.verify_v2 import errors, sids
from otp_engine.errors import InvalidRequest

_FORM = "application/x-www-form-urlencoded"
_FRIENDLY = re.compile(r"[\w -]{1,30}")
_MOST_DIGITS = 4
_APP_HASH = re.compile(r"[A-Za-z0-9+/]{11}", re.ASCII)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of one request; their values are kept out of the repr."""

    _given: fields.Fields

    def has(self, name: str) -> bool:
        """Whether *name* was given at all."""
        return self.text(name) is not None

    def text(self, name: str) -> str | None:
        """Read a text; an empty one is as good as none."""
        return self._given.plain(name) or None

    def required(self, name: str) -> str:
        """Read a text that must be there.

        Raises:
            Problem: It is not.
        """
        if (given := self.text(name)) is None:
            raise errors.invalid(name)
        return given

    def read(self, name: str, reader: Callable[[str], T]) -> T | None:
        """Read a parameter that may be left out.

        Raises:
            Problem: *reader* raised a `ValueError`.
        """
        if (given := self.text(name)) is None:
            return None
        try:
            return reader(given)
        except ValueError:
            raise errors.invalid(name) from None


def read(request: Request) -> Parameters:
    """Read the form of *request*.

    Raises:
        InvalidRequest: It is not a form that can be read in one way only.
    """
    if request.mimetype == _FORM:
        return Parameters(fields.read(request))
    return Parameters(fields.Fields({}))


def switch(given: str) -> bool:
    """`true` or `false`."""
    match given.lower():
        case "true":
            return True
        case "false":
            return False
        case _:
            raise ValueError(given)


def whole(least: int, most: int) -> Callable[[str], int]:
    """A whole number in that range."""

    def read(given: str) -> int:
        if not re.fullmatch(r"[0-9]{1,10}", given, re.ASCII):
            raise ValueError(given)
        if not least <= int(given) <= most:
            raise ValueError(given)
        return int(given)

    return read


def one_of(words: Iterable[str]) -> Callable[[str], str]:
    """One of *words*."""

    def read(given: str) -> str:
        if given not in words:
            raise ValueError(given)
        return given

    return read


def line(longest: int) -> Callable[[str], str]:
    """One line of text."""

    def read(given: str) -> str:
        if len(given) > longest or not given.isprintable():
            raise ValueError(given)
        return given

    return read


def friendly_name(given: str) -> str:
    """A name for a message: no links, and no number that could be called."""
    if not _FRIENDLY.fullmatch(given) or not given.strip():
        raise ValueError(given)
    if sum(letter.isdigit() for letter in given) > _MOST_DIGITS:
        raise ValueError(given)
    return given


def app_hash(given: str) -> str:
    """What names an app to Android's SMS Retriever."""
    if not _APP_HASH.fullmatch(given):
        raise ValueError(given)
    return given


def sid(prefix: str) -> Callable[[str], str]:
    """The name of a thing."""

    def read(given: str) -> str:
        if not sids.is_one(given, prefix):
            raise ValueError(given)
        return given

    return read


def pairs(given: str) -> Mapping[str, str]:
    """A JSON object of texts and whole numbers."""
    try:
        value: Any = fields.from_json(given)
    except InvalidRequest:
        raise ValueError(given) from None
    plain = isinstance(value, dict) and all(map(_is_plain, value.values()))
    if not plain:
        raise ValueError(given)
    return {name: str(one) for name, one in value.items()}


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)
