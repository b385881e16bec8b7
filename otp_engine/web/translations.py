"""The texts of the verify page, one JSON file for each language.

A text that depends on a number has one form for each plural category of its language
(CLDR, plural rules for whole numbers).
"""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass
from importlib import resources

from markupsafe import Markup, escape
from werkzeug.datastructures import LanguageAccept

from otp_engine.domain.messages import languages
from otp_engine.domain.messages.plural_rules import plural_category

_FOLDER = resources.files("otp_engine.web") / "texts"
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


@dataclass(frozen=True, slots=True)
class Translations:
    """The texts in one language.

    Attributes:
        locale: The BCP 47 tag of the language.
        name: The name of the language in the language itself.
        direction: The writing direction, `ltr` or `rtl`.
        country: ISO 3166 code of a country where many people speak the language; None
            for a language of many countries.
        strings: The texts by their keys, with `{placeholders}`. A text with forms has
            one for each plural category of its placeholder `n`.
    """

    locale: str
    name: str
    direction: str
    country: str | None
    strings: dict[str, str | dict[str, str]]

    def get(self, key: str, **values: int | str) -> str:
        """Return the text of *key*.

        Args:
            key: The key in the JSON files.
            values: The values of the placeholders.

        Returns:
            The text with its placeholders replaced.

        Raises:
            KeyError: There is no such key, or a placeholder has no value.
        """
        text = self.strings[key]
        if not isinstance(text, str):
            text = text[plural_category(self.locale, int(values["n"]))]
        return text.format(**values)

    def markup(self, key: str, **values: str) -> Markup:
        """Return the text of *key* as HTML, in which a value can be `Markup`."""
        text = self.strings[key]
        return escape(text).format(**values)

    def forms(self, key: str) -> dict[str, str]:
        """Return the text of *key* by plural category, with `other` for all others."""
        text = self.strings[key]
        return {"other": text} if isinstance(text, str) else text

    def format_wait(self, seconds: int) -> str:
        """Return a time in one unit, rounded up, as `page.js` does."""
        if seconds > _DAY:
            return self.get("days", n=-(-seconds // _DAY))
        if seconds > _HOUR:
            return self.get("hours", n=-(-seconds // _HOUR))
        if seconds > _MINUTE:
            return self.get("minutes", n=-(-seconds // _MINUTE))
        return self.get("seconds", n=seconds)


def _load(file: str) -> Translations:
    strings = json.loads((_FOLDER / file).read_text(encoding="utf-8"))
    locale = file.removesuffix(".json")
    return Translations(
        locale=locale,
        name=strings.pop("name"),
        direction=strings.pop("direction"),
        country=strings.pop("country", None),
        strings=strings,
    )


def _sort_key(translations: Translations) -> str:
    """Return the name without its accents, so that `Č` follows `C`."""
    return unicodedata.normalize("NFKD", translations.name).casefold()


TRANSLATIONS = {
    translations.locale: translations
    for translations in sorted(
        (_load(path.name) for path in _FOLDER.iterdir() if path.name.endswith(".json")),
        key=_sort_key,
    )
}
"""The texts by language, in the order of the names."""


def negotiate(requested: str | None, accepted: LanguageAccept) -> Translations:
    """Choose the language of a page.

    Args:
        requested: The BCP 47 tag that the person selected, if any.
        accepted: The `Accept-Language` header of the browser.

    Returns:
        The first of these languages that is available, otherwise English.
    """
    tags = [requested or "", *accepted.values()]
    available = (locale for tag in tags if (locale := languages.match(tag)))
    return TRANSLATIONS[next(available, languages.ENGLISH)]
