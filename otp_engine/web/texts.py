"""The words of the pages, a file for each language."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources

from werkzeug.datastructures import LanguageAccept

_FOLDER = resources.files("otp_engine.web") / "texts"
_ENGLISH = "en"


@dataclass(frozen=True, slots=True)
class Texts:
    """The words in one language.

    Attributes:
        locale: Its BCP 47 tag.
        name: What it calls itself.
        direction: `ltr`, or `rtl`.
    """

    locale: str
    name: str
    direction: str
    words: dict[str, str]

    def say(self, key: str, **filled: object) -> str:
        """The words for *key*."""
        return self.words[key].format(**filled)


def _load(file: str) -> Texts:
    given = json.loads((_FOLDER / file).read_text(encoding="utf-8"))
    locale = file.removesuffix(".json")
    return Texts(locale, given.pop("name"), given.pop("direction"), given)


ALL = {
    texts.locale: texts
    for texts in sorted(
        (_load(path.name) for path in _FOLDER.iterdir() if path.name.endswith(".json")),
        key=lambda texts: texts.locale,
    )
}


def choose(asked: str | None, accepted: LanguageAccept) -> Texts:
    """The language that was *asked* for, or that the browser would like best."""
    tags = [asked or "", *accepted.values()]
    languages = (tag.partition("-")[0].lower() for tag in tags)
    return ALL[next((one for one in languages if one in ALL), _ENGLISH)]
