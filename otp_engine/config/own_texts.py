"""The operator's own texts: the TOML file of `OTP_MESSAGES`.

Each table `[[message]]` is one text. A problem is reported with the line of its table,
or of its key.
"""

from __future__ import annotations

import re
import string
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from otp_engine.domain.messages import languages, texts
from otp_engine.domain.messages.own_texts import (
    CHANNELS,
    PLACEHOLDERS,
    OwnText,
    OwnTexts,
)
from otp_engine.domain.models import Channel
from otp_engine.domain.phones import countries

_MAX_BYTES = 1024 * 1024
_MAX_PROBLEMS = 10
_MAX_TEXT = 1600  # the longest text of a message at Twilio
# A call with a key press has its text in a URL, encrypted.
_MAX_CALL_TEXT = 200
_HEADER = re.compile(r"^[ \t]*\[\[[ \t]*message[ \t]*\]\]", re.MULTILINE)
_TEMPLATE_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
# An alphanumeric sender of 3GPP TS 23.040 has 11 characters, one of them a letter.
_SENDER_ID = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 &+_-]{3,11}", re.ASCII)
_PLACEHOLDERS = ", ".join(f"{{{name}}}" for name in sorted(PLACEHOLDERS))


def read(text: str) -> OwnTexts:
    """Read the file of own texts.

    Args:
        text: Its path.

    Raises:
        ValueError: The file cannot be read, or has problems. The message has each
            problem with its line.
    """
    path = Path(text)
    content = _content(path)
    try:
        data = tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path}: {error}") from None
    except RecursionError:
        raise ValueError(f"{path}: has too many brackets within each other") from None
    entries, problems = _entries(path, data, _Lines(content, data))
    if len(problems) > _MAX_PROBLEMS:
        more = f"and {len(problems) - _MAX_PROBLEMS} problems more"
        problems = [*problems[:_MAX_PROBLEMS], more]
    if problems:
        raise ValueError("; ".join(problems))
    return OwnTexts(tuple(entries), source=str(path))


def _content(path: Path) -> str:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError(f"{path}: has more than {_MAX_BYTES} bytes")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path}: is not UTF-8") from None


class _Lines:
    """The lines of the tables and keys of a file."""

    def __init__(self, content: str, data: Mapping[str, Any]) -> None:
        tables = data.get("message")
        found = [
            content.count("\n", 0, m.start()) + 1 for m in _HEADER.finditer(content)
        ]
        # A header inside a text would shift the lines: then there are none.
        is_known = isinstance(tables, list) and len(found) == len(tables)
        self._starts = found if is_known else []
        self._content = content.splitlines()

    def of(self, index: int, key: str | None = None) -> str:
        """Return the place of a table, or of its *key*."""
        if not self._starts:
            return f"message {index + 1}"
        start = self._starts[index]
        end = [*self._starts, len(self._content) + 1][index + 1]
        if key:
            pattern = re.compile(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=")
            for number in range(start, end):
                if pattern.match(self._content[number - 1]):
                    return f"line {number}"
        return f"line {start}"


def _entries(
    path: Path, data: Mapping[str, Any], lines: _Lines
) -> tuple[list[OwnText], list[str]]:
    """Return the texts of a file, and its problems."""
    tables = data.get("message")
    if data.keys() - {"message"} or not isinstance(tables, list):
        return [], [f"{path}: must have tables [[message]], and nothing else"]
    entries: dict[object, OwnText] = {}
    problems = []
    for index, table in enumerate(tables):
        found = _table_problems(table)
        problems += [f"{path}: {lines.of(index, key)}: {text}" for key, text in found]
        if found:
            continue
        values = {key: _PARSERS[key](value) for key, value in table.items()}
        values.setdefault("channel", Channel.SMS)
        place = lines.of(index)
        entry = OwnText(**values, place=f"{path}: {place}")
        if other := entries.get(entry.key):
            problems.append(
                f"{entry.place}: has the channel, the country and the locale of"
                f" {other.place.removeprefix(f'{path}: ')}"
            )
        entries[entry.key] = entry
    return list(entries.values()), problems


def _table_problems(table: object) -> list[tuple[str | None, str]]:
    """Return the key, if one is the cause, and the text of each problem of a table."""
    problems: list[tuple[str | None, str]] = []
    if not isinstance(table, dict):
        return [(None, "must be a table [[message]]")]
    for key, value in table.items():
        if key not in _PARSERS:
            known = ", ".join(_PARSERS)
            problems.append((key, f"{key!r} is not one of {known}"))
        elif not isinstance(value, str):
            problems.append((key, f"{key} must be a text in quotes"))
        else:
            try:
                _PARSERS[key](value)
            except ValueError as error:
                problems.append((key, f"{key} {error}"))
    return problems or _combination_problems(table)


def _combination_problems(table: Mapping[str, str]) -> list[tuple[str | None, str]]:
    """Return the problems of a table with valid values."""
    channel = table.get("channel", Channel.SMS)
    text, locale = table.get("text"), languages.match(table.get("locale", ""))
    is_email, is_call = channel == Channel.EMAIL, channel == Channel.CALL
    is_silent = bool(is_call and locale and texts.load(locale).speech is None)
    rules = (
        (None, text is None and "sender_id" not in table, "text is missing"),
        (
            "template_id",
            text is None and "template_id" in table,
            "template_id needs the text that it is the id of",
        ),
        (
            "sender_id",
            is_email and "sender_id" in table,
            "sender_id is not for e-mails",
        ),
        (
            "subject",
            not is_email and "subject" in table,
            "subject is for the channel email only",
        ),
        (
            "text",
            is_call and text is not None and not text.rstrip().endswith("{code}"),
            "text of a call must end with {code}, which is spoken last",
        ),
        (
            "text",
            is_call and len(text or "") > _MAX_CALL_TEXT,
            f"text of a call must have at most {_MAX_CALL_TEXT} characters",
        ),
        ("locale", is_silent, "locale has no voice, so calls are in English"),
    )
    return [(key, problem) for key, is_broken, problem in rules if is_broken]


def parse_text(text: str) -> str:
    """Parse an own text.

    Raises:
        ValueError: The text lacks its code, or cannot be filled in.
    """
    fields = _fields(text)
    if "code" not in fields:
        raise ValueError("must have the placeholder {code}")
    if len(text) > _MAX_TEXT:
        raise ValueError(f"must have at most {_MAX_TEXT} characters")
    if any(not char.isprintable() and char != "\n" for char in text):
        raise ValueError("must have no control characters")
    return text


def _subject(text: str) -> str:
    if "code" in _fields(text):
        raise ValueError("must not have {code}: mail servers log subjects")
    if not text.isprintable() or not text.strip():
        raise ValueError("must be one line")
    return text


def _fields(text: str) -> set[str]:
    """Return the names of the placeholders of *text*.

    Raises:
        ValueError: A brace is single, or a placeholder is not known.
    """
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError:
        raise ValueError(
            "has a single { or }: write {{ or }} for the character"
        ) from None
    fields = set()
    for _, name, specification, conversion in parts:
        if name is None:
            continue
        if name not in PLACEHOLDERS or specification or conversion:
            raise ValueError(
                f"has the unknown placeholder {{{name}}}: known are {_PLACEHOLDERS}"
            )
        fields.add(name)
    return fields


def _channel(text: str) -> Channel:
    if text in {Channel.WHATSAPP, Channel.TELEGRAM}:
        raise ValueError(f"must not be {text}: its provider fixes the text")
    if text not in CHANNELS:
        raise ValueError(f"must be one of {', '.join(CHANNELS)}: {text!r}")
    return Channel(text)


def _locale(text: str) -> str:
    if (language := languages.match(text)) is None:
        raise ValueError(
            f"must be one of {' '.join(sorted(languages.LOCALES))}: {text!r}"
        )
    return language


def _template_id(text: str) -> str:
    if not _TEMPLATE_ID.fullmatch(text):
        raise ValueError("must be 1 to 64 letters, digits, dots, dashes or underscores")
    return text


def _sender_id(text: str) -> str:
    if not _SENDER_ID.fullmatch(text):
        raise ValueError(
            "must be 3 to 11 letters, digits, spaces or one of & + _ -, with a letter"
        )
    return text


_PARSERS: Mapping[str, Callable[[str], Any]] = {
    "text": parse_text,
    "channel": _channel,
    "country": countries.parse_counted,
    "locale": _locale,
    "subject": _subject,
    "template_id": _template_id,
    "sender_id": _sender_id,
}
