"""The sentences of a call that reads a code aloud."""

from __future__ import annotations

from dataclasses import dataclass, field

from otp_engine.domain.messages import languages, texts


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """The sentences of a call.

    Attributes:
        language: BCP 47 tag of the language of the sentences.
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
        """The whole call after the prompt, as one text."""
        return " ".join(
            (
                f"{self.announcement} {self.digits}.",
                f"{self.again} {self.digits}.",
                self.goodbye,
            )
        )


def build(
    *, code: str, brand: str, language: str, announcement: str | None = None
) -> Speech:
    """Return the sentences of a call, in English if no voice speaks *language*.

    Args:
        code: The code.
        brand: Name in the announcement.
        language: One of `languages.LOCALES`.
        announcement: The operator's own announcement, if there is one.
    """
    spoken = texts.load(language).speech
    if spoken is None:
        language = languages.ENGLISH
        spoken = texts.load(language).speech
    if spoken is None:
        raise AssertionError("English has no speech")
    return Speech(
        language=language,
        prompt=spoken.prompt,
        announcement=announcement or spoken.announcement.format(brand=brand),
        again=spoken.again,
        goodbye=spoken.goodbye,
        digits=", ".join(code),
    )
