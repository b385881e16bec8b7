"""Settings of the channels of Twilio beside text messages: WhatsApp and calls."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from otp_engine import parsing
from otp_engine.config import setting_parsers as parsers
from otp_engine.config.env_reader import EnvReader
from otp_engine.domain.messages import languages, whatsapp

VARIABLES = (
    *("TWILIO_WHATSAPP_FROM", "TWILIO_WHATSAPP_CONTENT"),
    *("TWILIO_CALL_FROM", "TWILIO_CALL_KEY_PRESS", "TWILIO_CALL_VOICES"),
)
"""Every variable that this module reads."""

CONTENT_SID = "HX"
"""The start of the SID of a content template."""

_E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_VOICE = re.compile(r"[A-Za-z0-9]+\.[A-Za-z0-9]+(?:[.-][A-Za-z0-9]+)*", re.ASCII)
_CONTENT_EXAMPLE = "en=HX..., pt-BR=HX..."
_VOICES_EXAMPLE = "el=Google.el-GR-Standard-B, en=Polly.Amy"


@dataclass(frozen=True, slots=True, kw_only=True)
class TwilioWhatsApp:
    """How messages are sent on WhatsApp.

    Attributes:
        from_: The number of the WhatsApp sender in E.164; None means the Messaging
            Service, which has the sender in its pool.
        content: SID of the approved template of each locale, with WhatsApp's names.
    """

    from_: str | None
    content: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TwilioCalls:
    """How calls are placed.

    Attributes:
        from_: The number that calls, in E.164.
        key_press: Whether the recipient presses a key before the code is spoken, where
            Twilio can reach this service.
        voices: The operator's voice of each language, in lower case.
    """

    from_: str
    key_press: bool = True
    voices: Mapping[str, str] = field(default_factory=dict)


def load_whatsapp(env: EnvReader, service: str | None) -> TwilioWhatsApp | None:
    """Load the settings of WhatsApp.

    Args:
        env: The environment variables; collects the problems.
        service: SID of the Messaging Service, if there is one.

    Returns:
        The settings; None without templates.
    """
    from_ = env.get("TWILIO_WHATSAPP_FROM", parse_whatsapp_from, None)
    content = env.get("TWILIO_WHATSAPP_CONTENT", parse_content, None)
    if env.has("TWILIO_WHATSAPP_FROM"):
        env.require(
            "TWILIO_WHATSAPP_CONTENT",
            why="WhatsApp delivers codes only in approved templates. Set it to the"
            f" template of each language, such as {_CONTENT_EXAMPLE}",
        )
    elif env.has("TWILIO_WHATSAPP_CONTENT") and not service:
        env.require(
            "TWILIO_WHATSAPP_FROM",
            why="set it to the WhatsApp sender of the templates, or"
            " TWILIO_MESSAGING_SERVICE_SID to a service with a WhatsApp sender",
        )
    return TwilioWhatsApp(from_=from_, content=content) if content else None


def load_calls(env: EnvReader) -> TwilioCalls | None:
    """Load the settings of calls.

    The number of text messages places no calls by itself: calls have a cost that the
    operator decides on.

    Args:
        env: The environment variables; collects the problems.

    Returns:
        The settings; None without a number.
    """
    calls_from = env.get("TWILIO_CALL_FROM", parse_number, None)
    key_press = env.get("TWILIO_CALL_KEY_PRESS", parsers.boolean, default=True)
    voices = env.get("TWILIO_CALL_VOICES", parse_voices, {})
    if not calls_from:
        return None
    return TwilioCalls(from_=calls_from, key_press=key_press, voices=voices)


def parse_number(text: str) -> str:
    """Parse a number in E.164.

    Raises:
        ValueError: The text is no such number.
    """
    if not _E164.fullmatch(text):
        raise ValueError("must be a number such as +15005550006")
    return text


def parse_whatsapp_from(text: str) -> str:
    """Parse the number of a WhatsApp sender, with or without Twilio's prefix.

    Raises:
        ValueError: The text is no such number.
    """
    return parse_number(text.removeprefix("whatsapp:"))


def parse_content(text: str) -> dict[str, str]:
    """Parse the template of each locale.

    Raises:
        ValueError: The text is no such list, or a locale or a SID in it is invalid.
    """
    return _parse_map(text, _CONTENT_EXAMPLE, whatsapp.parse_locale, _parse_content_sid)


def parse_voices(text: str) -> dict[str, str]:
    """Parse the voice of each language.

    Raises:
        ValueError: The text is no such list, or a tag or a voice in it is invalid.
    """
    return _parse_map(text, _VOICES_EXAMPLE, _parse_tag, _parse_voice)


def _parse_map(
    text: str,
    example: str,
    parse_name: Callable[[str], str],
    parse_value: Callable[[str], str],
) -> dict[str, str]:
    values: dict[str, str] = {}
    for item in parsing.comma_separated(text):
        name, equals, value = (part.strip() for part in item.partition("="))
        if not (name and equals and value):
            raise ValueError(f"must be a list such as {example}: {item!r}")
        key = parse_name(name)
        if key in values:
            raise ValueError(f"has {name} twice")
        values[key] = parse_value(value)
    if not values:
        raise ValueError(f"must be a list such as {example}")
    return values


def _parse_content_sid(text: str) -> str:
    if not parsing.is_sid(text, CONTENT_SID):
        raise ValueError(
            "needs the SID of a content template, HX and 32 hexadecimal digits, for"
            f" each locale: {text!r}"
        )
    return text


def _parse_tag(text: str) -> str:
    if languages.match(text) is None:
        raise ValueError(f"has a language without texts: {text!r}")
    return parsing.language_tag(text).replace("_", "-").lower()


def _parse_voice(text: str) -> str:
    if not _VOICE.fullmatch(text):
        raise ValueError(f"has a voice that is no name such as Polly.Amy: {text!r}")
    return text
