"""The languages of messages, and which one a recipient gets."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from itertools import takewhile

from otp_engine.domain.messages.country_languages import BY_COUNTRY

ENGLISH = "en"

LOCALES = frozenset(
    {
        *("af", "ar", "ca", "cs", "da", "de", "el", "en", "es", "et", "fi", "fr", "he"),
        *("hi", "hr", "hu", "id", "it", "ja", "kn", "ko", "lt", "mr", "ms", "nb", "nl"),
        *("pl", "pt", "pt-BR", "ro", "ru", "sk", "sv", "te", "th", "tl", "tr", "uk"),
        *("vi", "zh", "zh-HK"),
    }
)
"""The languages of the texts, as BCP 47 tags: those of Twilio Verify."""

_LOCALES = {tag.lower(): tag for tag in LOCALES}
# Other tags of the same languages (IANA Language Subtag Registry), and Norwegian
# Nynorsk, because all of its readers read Bokmål.
_ALIASES = {
    "arb": "ar",
    "cmn": "zh",
    "fil": "tl",
    "in": "id",
    "iw": "he",
    "mo": "ro",
    "nn": "nb",
    "no": "nb",
    "yue": "zh",
    "zsm": "ms",
}
# The script of traditional characters, and the regions and the language with it.
_TRADITIONAL = ({"hant"}, {"hk", "mo", "tw", "yue"})


def select(
    locale: str | None, country: str, by_country: Mapping[str, str] = BY_COUNTRY
) -> str:
    """Return the language that a recipient gets, one of `LOCALES`.

    It is the language of *locale*, if texts exist in it. Otherwise it is the language
    of the recipient's country, and English for a country without one.

    Args:
        locale: BCP 47 tag that the client requested, if any.
        country: ISO 3166 code of the country of the number.
        by_country: The languages of countries.
    """
    requested = match(locale) if locale else None
    return requested or by_country.get(country, ENGLISH)


# Clients choose the tags, and use few of them.
@lru_cache(maxsize=512)
def match(tag: str) -> str | None:
    """Return the language of a BCP 47 tag, one of `LOCALES`.

    Args:
        tag: The tag, such as `es-MX`; `es_MX` is accepted.

    Returns:
        The language; None if no texts exist in it.
    """
    parts = subtags(tag)
    if not parts:
        return None
    language = _ALIASES.get(parts[0], parts[0])
    if language == "zh":
        return "zh-HK" if _is_traditional(parts) else "zh"
    # A script or a variant can be between the language and the region.
    regional = [f"{language}-{part}" for part in parts[1:]]
    known = (_LOCALES[each] for each in (*regional, language) if each in _LOCALES)
    return next(known, None)


def subtags(tag: str) -> list[str]:
    """Return the subtags of a BCP 47 tag in lower case, without its extensions.

    An extension starts with a subtag of one character: `de-DE-u-co-phonebk`.

    Args:
        tag: The tag; a tag for private use, such as `x-pt`, has none of them.
    """
    parts = tag.replace("_", "-").lower().split("-")
    return list(takewhile(lambda part: len(part) > 1, parts))


def _is_traditional(parts: list[str]) -> bool:
    """Return whether a tag of Chinese with *parts* means traditional characters.

    The script decides; without one, the region and Cantonese do.
    """
    scripts, others = _TRADITIONAL
    has_script = bool({"hans", "hant"}.intersection(parts))
    return not (scripts if has_script else others).isdisjoint(parts)
