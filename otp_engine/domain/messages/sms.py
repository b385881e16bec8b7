"""Text messages: how the sentences of a language become a text of one segment.

A segment is 160 characters of GSM-7, or 70 if a single character is outside it, and
each one costs as much as a message. A text that would need a second segment is
shortened, in this order:

1. the lifetime, because the page or the app that requested the code can show it;
2. the origin instead: it lets a browser enter the code on the page of this host and on
   no other, which protects from a copy of the page; but a person can enter the code;
3. the lifetime and the origin;
4. also the warning not to share the code;
5. also the end of the brand, as much as needed.

The code is never left out, and neither is the hash for SMS Retriever: without it, the
app that requested the message could not read it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from otp_engine.domain.messages import segments, texts
from otp_engine.domain.messages.options import DEFAULT_OPTIONS, MessageOptions

# SMS Retriever reads messages of at most 140 bytes. On the air that is 160 characters
# of GSM-7, but a device may count a byte for each.
_SMS_RETRIEVER_CHARACTERS = 140


class Part(StrEnum):
    """A part of a text that can be left out."""

    LIFETIME = "lifetime"
    WARNING = "warning"
    ORIGIN = "origin"
    BRAND = "end of the brand"


# The parts that each version of a text leaves out.
_STEPS: tuple[tuple[Part, ...], ...] = (
    (),
    (Part.LIFETIME,),
    (Part.ORIGIN,),
    (Part.LIFETIME, Part.ORIGIN),
    (Part.LIFETIME, Part.ORIGIN, Part.WARNING),
)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A text.

    Attributes:
        text: The text, with the code.
        left_out: The parts that were left out for a text of one segment.
    """

    text: str = field(repr=False)
    left_out: tuple[Part, ...] = ()


def render(
    *,
    code: str,
    brand: str,
    ttl: timedelta,
    language: str,
    options: MessageOptions = DEFAULT_OPTIONS,
) -> Rendered:
    """Return the text of a message, which has one segment.

    Args:
        code: The code, which comes first.
        brand: Name in the message.
        ttl: Time that the code can be used.
        language: One of `languages.LOCALES`.
        options: Options of the text; their brand is not used.
    """
    language_texts = texts.load(language)
    parts = _parts(language_texts, code, ttl, options)
    rendered = Rendered("")
    for name, left_out in _versions(brand, parts):
        sentence = language_texts.sms.code.format(code=code, brand=name)
        rest = [parts[part] for part in parts if part not in left_out]
        separator = language_texts.separator
        text = _join(separator, [sentence, *rest], options.app_hash)
        rendered = Rendered(text, left_out)
        is_readable = not options.app_hash or len(text) <= _SMS_RETRIEVER_CHARACTERS
        if is_readable and segments.count(text) == 1:
            break
    return rendered


def _parts(
    language_texts: texts.Texts, code: str, ttl: timedelta, options: MessageOptions
) -> dict[Part, str]:
    """Return the parts of a text that follow the code, in their order."""
    text = language_texts.sms
    lifetime = language_texts.format_minutes(text.minutes, ttl)
    parts = {Part.LIFETIME: text.lifetime.format(time=lifetime)}
    if options.do_not_share_warning is not False:
        parts[Part.WARNING] = text.warning
    if options.origin:
        parts[Part.ORIGIN] = options.origin_line(code)
    return parts


def _versions(
    brand: str, parts: Container[Part]
) -> Iterator[tuple[str, tuple[Part, ...]]]:
    """Yield ever shorter versions of a text: its brand, and the parts it leaves out."""
    left_out: tuple[Part, ...] = ()
    for step in _STEPS:
        left_out = tuple(part for part in step if part in parts)
        yield brand, left_out
    for length in range(len(brand) - 1, 0, -1):
        # A letter keeps its marks, such as the vowel signs of Hindi.
        if not unicodedata.category(brand[length]).startswith("M"):
            yield brand[:length].rstrip(), (*left_out, Part.BRAND)


def _join(separator: str, parts: list[str], app_hash: str | None) -> str:
    """Return the text of a version.

    Browsers ignore what follows the code in the last line (Origin-bound one-time codes
    delivered via SMS, 2.2), so the hash, which ends a message for SMS Retriever, fits
    into the same line.
    """
    text = parts[0]
    for part in parts[1:]:
        text += part if part.startswith("\n") else separator + part
    return f"<#> {text} {app_hash}" if app_hash else text


def render_placeholder(language: str, *, do_not_share_warning: bool) -> str:
    """Return the text of a template with Twilio's placeholders.

    Args:
        language: One of `languages.LOCALES`.
        do_not_share_warning: Whether the text has the warning.
    """
    language_texts = texts.load(language)
    text = language_texts.sms
    sentences = [
        text.code.format(brand="{{friendly_name}}", code="{{code}}"),
        text.lifetime.format(time="{{ttl}}"),
        *([text.warning] if do_not_share_warning else []),
    ]
    return language_texts.separator.join(sentences)
