"""The sentences of a call that reads a code aloud."""

from __future__ import annotations

from dataclasses import dataclass, field

from otp_engine.domain.messages import languages, texts

_RIGHT_TO_LEFT = frozenset({"ar", "he"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """The sentences of a call.

    Attributes:
        language: BCP 47 tag of the language of the voice, such as `en-IN`.
        prompt: Requests a key press before the code.
        announcement: Announces the code.
        again: Announces the code once more.
        goodbye: Ends the call.
        digits: The characters of the code, separated by commas.
    """

    language: str
    prompt: str
    announcement: str
    again: str
    goodbye: str
    digits: str = field(repr=False)

    @property
    def text(self) -> str:
        """The whole call after the prompt, as one text to read."""
        digits = self.digits
        if self.language in _RIGHT_TO_LEFT:
            # Without the isolate, a screen shows the last digit on the left.
            digits = f"\N{LEFT-TO-RIGHT ISOLATE}{digits}\N{POP DIRECTIONAL ISOLATE}"
        return " ".join(
            (
                f"{self.announcement} {digits}.",
                f"{self.again} {digits}.",
                self.goodbye,
            )
        )


def spoken_language(language: str) -> str:
    """Return *language*, or English if no voice speaks it."""
    return language if texts.load(language).speech else languages.ENGLISH


def build(
    *,
    code: str,
    brand: str,
    language: str,
    accent: str | None = None,
    announcement: str | None = None,
) -> Speech:
    """Return the sentences of a call, which a voice speaks.

    Args:
        code: The code.
        brand: Name in the announcement.
        language: One of `languages.LOCALES` with a voice; see `spoken_language`.
        accent: The spoken variant of the language; see `accents.select`.
        announcement: The operator's own announcement, if there is one.
    """
    spoken = texts.load(language).speech
    if spoken is None:
        raise AssertionError(language)
    return Speech(
        language=accent or language,
        prompt=spoken.prompt,
        announcement=announcement or spoken.announcement.format(brand=brand),
        again=spoken.again,
        goodbye=spoken.goodbye,
        digits=", ".join(code),
    )
