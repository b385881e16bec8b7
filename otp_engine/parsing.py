"""Parsers of text that settings, the policy and request parameters share.

A parser raises a `ValueError`. Its message follows the name of the setting, such as
"must be on or off: 'maybe'". Surrounding whitespace is part of the text; callers that
accept it strip it first.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Sequence

_INTEGER = re.compile(r"[0-9]{1,10}", re.ASCII)
_SID = re.compile(r"[A-Z]{2}[0-9a-fA-F]{32}", re.ASCII)
_LANGUAGE_TAG = re.compile(r"[A-Za-z]{2,8}(?:[-_][A-Za-z0-9]{1,8})*", re.ASCII)
_MAX_LANGUAGE_TAG_LENGTH = 35  # RFC 5646 (BCP 47), section 4.4.1
_QUOTES = ('""', "''", "``", "\u201c\u201d", "\u2018\u2019", "\u00ab\u00bb")
_SEPARATORS = frozenset({"Zs", "Zl", "Zp", "Pd", "Cf"})  # Unicode categories
# The newline function of the Unicode Standard (5.8) and the tab; they are controls.
_LINE_ENDS = frozenset("\t\n\v\f\r\x85")


def boolean(true: Sequence[str], false: Sequence[str]) -> Callable[[str], bool]:
    """Return a parser of a boolean.

    Args:
        true: Lower-case words for True; the error message names the first one.
        false: The same for False.

    Returns:
        A parser that ignores case.
    """

    def parse(text: str) -> bool:
        word = text.lower()
        if word in true:
            return True
        if word in false:
            return False
        raise ValueError(f"must be {true[0]} or {false[0]}: {text!r}")

    return parse


def integer(minimum: int, maximum: int) -> Callable[[str], int]:
    """Return a parser of a whole number from *minimum* to *maximum*, in ASCII digits.

    Args:
        minimum: The smallest number accepted, at least 0.
        maximum: The largest number accepted, at most 10 digits.
    """

    def parse(text: str) -> int:
        if not (_INTEGER.fullmatch(text) and minimum <= int(text) <= maximum):
            raise ValueError(
                f"must be a whole number from {minimum} to {maximum}: {text!r}"
            )
        return int(text)

    return parse


def choice(options: Collection[str]) -> Callable[[str], str]:
    """Return a parser that accepts only the *options*."""

    def parse(text: str) -> str:
        if text not in options:
            raise ValueError(f"must be one of {', '.join(options)}: {text!r}")
        return text

    return parse


def comma_separated(text: str) -> tuple[str, ...]:
    """Return the parts of *text* between commas, stripped, without empty ones."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def strip(text: str) -> str:
    """Return *text* without whitespace and byte order marks around it.

    A byte order mark is no whitespace. Some editors write it in front of a text.
    """
    return text.strip().strip("\N{ZERO WIDTH NO-BREAK SPACE}").strip()


def is_quoted(text: str) -> bool:
    """Return whether *text* starts and ends with the same kind of quotes.

    A shell removes them, and files of environment variables can keep them.
    """
    return len(text) > 1 and text[0] + text[-1] in _QUOTES


def language_tag(text: str) -> str:
    """Parse a language tag, such as `en` or `pt-BR` (RFC 5646); `pt_BR` is accepted.

    Raises:
        ValueError: The text is not a tag of at most 35 characters.
    """
    if len(text) > _MAX_LANGUAGE_TAG_LENGTH or not _LANGUAGE_TAG.fullmatch(text):
        raise ValueError(f"must be a language tag, such as en or pt-BR: {text!r}")
    return text


def is_sid(text: str, prefix: str) -> bool:
    """Return whether *text* is a Twilio SID: *prefix* and 32 hexadecimal digits.

    Args:
        text: The text to check.
        prefix: The two letters of the resource type, such as `VA`.
    """
    return text.startswith(prefix) and bool(_SID.fullmatch(text))


def normalize_typed(text: str) -> str:
    """Return *text* as it was meant: with ASCII digits, and without separators.

    Decimal digits of every script (Unicode category Nd) become 0 to 9. Spaces, dashes
    and line ends are removed, and so are format characters: contacts and messengers
    put direction marks and zero-width characters around a number. Every other
    character stays, so that the parser of the result rejects superscripts and controls.
    """
    if text.isascii() and text.isalnum():
        return text
    return "".join(
        str(unicodedata.decimal(character, character))
        for character in text
        if character not in _LINE_ENDS
        and unicodedata.category(character) not in _SEPARATORS
    )
