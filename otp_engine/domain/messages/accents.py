"""The spoken variant of a language: what people of a country are used to hear.

Chinese in traditional characters is Cantonese in Hong Kong and Macao, and Mandarin in
Taiwan.
"""

from __future__ import annotations

from otp_engine.domain.messages import languages

_REGION_LENGTH = 2
_LATIN_AMERICA = "AR BO CL CO CR CU DO EC GT HN MX NI PA PE PY SV UY VE"
_ACCENTS = {
    ("en", "en-GB"): "GB IE",
    ("en", "en-IN"): "BD IN LK NP PK",
    ("es", "es-MX"): _LATIN_AMERICA,
    ("es", "es-US"): "PR US",
    ("zh-HK", "zh"): "TW",
}
_BY_COUNTRY = {
    (language, country): accent
    for (language, accent), countries in _ACCENTS.items()
    for country in countries.split()
}


def select(language: str, locale: str | None, country: str) -> str:
    """Return the spoken variant of a language, as a BCP 47 tag.

    The region that the client requested decides, and without one the country.

    Args:
        language: One of `languages.LOCALES`.
        locale: BCP 47 tag that the client requested, if any.
        country: ISO 3166 code of the country of the number; empty without a number.
    """
    if locale and languages.match(locale) == language:
        first, *rest = languages.subtags(locale)
        if "yue" in {first, *rest}:
            return language
        # ISO 3166 codes have two letters, and the first part is the language.
        regions = [part.upper() for part in rest if len(part) == _REGION_LENGTH]
        country = regions[0] if regions else country
    return _BY_COUNTRY.get((language, country), language)
