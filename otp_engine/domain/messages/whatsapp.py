"""The rules of WhatsApp for one-time codes: languages of templates, and forms of codes.

WhatsApp delivers a code only in a template that was approved for authentication. Each
language has a template of its own, with the code as its one variable.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

ENGLISH = "en"

# The languages of templates that copy a code, as WhatsApp writes them.
_LIST = """
    af sq ar az bn bg ca zh_CN zh_HK zh_TW hr cs da nl en en_GB en_US et fil fi fr ka de
    el gu ha he hi hu id ga it ja kn kk rw_RW ko ky_KG lo lv lt mk ms ml mr nb fa pl
    pt_BR pt_PT pa ro ru sr sk sl es es_AR es_ES es_MX sw sv ta te th tr uk ur uz vi zu
"""
_LOCALES = frozenset(_LIST.split())
# The other region with the same characters, which precedes the rest of the language.
_SIMILAR = {"zh_HK": "zh_TW", "zh_TW": "zh_HK"}
# WhatsApp's name for a BCP 47 tag without a language of the same name.
_ALIASES = {
    "iw": "he",
    "no": "nb",
    "pt": "pt_PT",
    "tl": "fil",
    "zh": "zh_CN",
    "zh_Hans": "zh_CN",
    "zh_Hant": "zh_TW",
}
_CODE = re.compile(r"[A-Za-z0-9]{1,15}", re.ASCII)


def parse_locale(tag: str) -> str:
    """Return WhatsApp's name for the language of a template.

    Args:
        tag: A BCP 47 tag, such as `pt-BR`, or WhatsApp's own name, such as `pt_BR`.

    Raises:
        ValueError: WhatsApp has no template for one-time codes in this language.
    """
    locale = _normalize(tag)
    if locale not in _LOCALES:
        raise ValueError(f"has a locale that WhatsApp does not have: {tag!r}")
    return locale


def select(templates: Mapping[str, str], tag: str) -> str:
    """Return the template that suits a language best.

    It is that of the same locale, else of the same characters, else of the same
    language, else the English one, else the first one.

    Args:
        templates: The template of each locale, at least one, with WhatsApp's names.
        tag: BCP 47 tag of the language of the recipient.
    """
    locale = _normalize(tag)
    language = _normalize(locale.partition("_")[0])
    same_language = (name for name in templates if _language(name) == _language(locale))
    english = (name for name in templates if _language(name) == ENGLISH)
    similar = _SIMILAR.get(locale, locale)
    for candidate in (locale, similar, language, *same_language, ENGLISH, *english):
        if candidate in templates:
            return templates[candidate]
    return next(iter(templates.values()))


def accepts(code: str) -> bool:
    """Return whether WhatsApp accepts *code* as the variable of a template."""
    return bool(_CODE.fullmatch(code))


def _normalize(tag: str) -> str:
    """Return *tag* with the case and the separator of WhatsApp, and without aliases."""
    language, *rest = tag.replace("-", "_").split("_")
    parts = [language.lower()]
    parts += [part.title() if len(part) == 4 else part.upper() for part in rest]  # noqa: PLR2004 - the length of the name of a script
    locale = "_".join(parts)
    return _ALIASES.get(locale, locale)


def _language(locale: str) -> str:
    return locale.partition("_")[0]
