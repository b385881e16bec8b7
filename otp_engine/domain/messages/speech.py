"""The sentences of a call that reads a code aloud."""

from __future__ import annotations

from dataclasses import dataclass, field


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
