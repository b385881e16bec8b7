"""The texts of the verify page, one JSON file for each language."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources

from werkzeug.datastructures import LanguageAccept

_FOLDER = resources.files("otp_engine.web") / "texts"
_DEFAULT = "en"


@dataclass(frozen=True, slots=True)
class Translations:
    """The texts in one language.

    Attributes:
        locale: The BCP 47 tag of the language.
        name: The name of the language in the language itself.
        direction: The writing direction, `ltr` or `rtl`.
        strings: The texts by their keys, with `{placeholders}`.
    """

    locale: str
    name: str
    direction: str
    strings: dict[str, str]

    def get(self, key: str, **values: object) -> str:
        """Return the text of *key*.

        Args:
            key: The key in the JSON files.
            values: The values of the placeholders.

        Returns:
            The text with its placeholders replaced.

        Raises:
            KeyError: There is no such key, or a placeholder has no value.
        """
        return self.strings[key].format(**values)


def _load(file: str) -> Translations:
    strings = json.loads((_FOLDER / file).read_text(encoding="utf-8"))
    locale = file.removesuffix(".json")
    return Translations(locale, strings.pop("name"), strings.pop("direction"), strings)


TRANSLATIONS = {
    translations.locale: translations
    for translations in sorted(
        (_load(path.name) for path in _FOLDER.iterdir() if path.name.endswith(".json")),
        key=lambda translations: translations.locale,
    )
}


def negotiate(requested: str | None, accepted: LanguageAccept) -> Translations:
    """Choose the language of a page.

    Args:
        requested: The BCP 47 tag that the person selected, if any.
        accepted: The `Accept-Language` header of the browser.

    Returns:
        The first of these languages that is available, otherwise English.
    """
    tags = [requested or "", *accepted.values()]
    languages = (tag.partition("-")[0].lower() for tag in tags)
    available = (language for language in languages if language in TRANSLATIONS)
    return TRANSLATIONS[next(available, _DEFAULT)]
