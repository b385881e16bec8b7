"""The languages of messages, and which one a recipient gets."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

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
    "yue": "zh-hk",
    "zsm": "ms",
}
_TRADITIONAL = ({"hant"}, {"hk", "mo", "tw"})


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
    language, *rest = tag.replace("_", "-").lower().split("-")
    language = _ALIASES.get(language, language)
    if language == "zh" and _is_traditional(rest):
        return "zh-HK"
    with_region = f"{language}-{rest[0]}" if rest else language
    return _LOCALES.get(with_region) or _LOCALES.get(language)


def _is_traditional(subtags: list[str]) -> bool:
    """Return whether a tag of Chinese with *subtags* means traditional characters.

    The script decides, and without one the region.
    """
    scripts, regions = _TRADITIONAL
    has_script = bool({"hans", "hant"}.intersection(subtags))
    return not (scripts if has_script else regions).isdisjoint(subtags)
