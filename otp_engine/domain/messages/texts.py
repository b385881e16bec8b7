"""The texts of messages in each language, which are data: `texts/<tag>.toml`.

A file is read when the first message needs its language. A text that depends on a
number has one form for each plural category of its language; see `plural_rules`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib import resources
from typing import Any, TypeAlias

from otp_engine.domain.messages.plural_rules import plural_category

_FOLDER = resources.files("otp_engine.domain.messages") / "texts"

Forms: TypeAlias = str | Mapping[str, str]
"""A text with the placeholder `n`, or one for each plural category of *n*."""


@dataclass(frozen=True, slots=True)
class TextMessage:
    """The sentences of a text message.

    A message that would need a second segment leaves out the least important ones.

    Attributes:
        code: The sentence with the code, which comes first, and the brand.
        lifetime: The sentence with the lifetime of the code.
        warning: The warning not to share the code.
        minutes: The unit of a lifetime of a minute or more.
        seconds: The unit of a shorter lifetime.
    """

    code: str
    lifetime: str
    warning: str
    minutes: Forms
    seconds: Forms


@dataclass(frozen=True, slots=True)
class SpokenText:
    """The sentences of a call.

    Attributes:
        prompt: Requests a key press before the code.
        announcement: Announces the code; the characters of the code follow it.
        again: Announces the code once more.
        goodbye: Ends the call.
    """

    prompt: str
    announcement: str
    again: str
    goodbye: str


@dataclass(frozen=True, slots=True)
class EmailText:
    """The sentences of an e-mail.

    Attributes:
        subject: The subject. It has no code, because mail servers log subjects.
        purpose: What the code is for; the code follows it.
        lifetime: The sentence with the lifetime of the code.
        warning: The warning not to share the code.
        unrequested: What to do without a request for a code.
        minutes: The unit of a lifetime of a minute or more.
    """

    subject: str
    purpose: str
    lifetime: str
    warning: str
    unrequested: str
    minutes: Forms


@dataclass(frozen=True, slots=True)
class Texts:
    """All texts of one language.

    Attributes:
        tag: BCP 47 tag of the language.
        name: The English name of the language.
        separator: What separates two sentences.
        sms: The text message.
        email: The e-mail.
        speech: The call; None for a language that no voice of the providers speaks.
    """

    tag: str
    name: str
    separator: str
    sms: TextMessage
    email: EmailText
    speech: SpokenText | None

    def format_minutes(self, forms: Forms, ttl: timedelta) -> str:
        """Return the lifetime of a code in whole minutes, or in seconds below one.

        Args:
            forms: The unit of minutes.
            ttl: The lifetime.
        """
        # Rounded down: a text must not promise more time than the code has.
        minutes, seconds = divmod(int(ttl.total_seconds()), 60)
        if minutes:
            return self._format(forms, minutes)
        return self._format(self.sms.seconds, seconds)

    def _format(self, forms: Forms, n: int) -> str:
        if not isinstance(forms, str):
            forms = forms[plural_category(self.tag, n)]
        return forms.format(n=n)


@cache
def load(tag: str) -> Texts:
    """Return the texts of a language; each file is read once.

    Args:
        tag: One of `languages.LOCALES`.
    """
    data: dict[str, Any] = tomllib.loads(
        (_FOLDER / f"{tag}.toml").read_text(encoding="utf-8")
    )
    speech = data.get("speech")
    return Texts(
        tag=tag,
        name=data["name"],
        separator=data.get("separator", " "),
        sms=TextMessage(**data["sms"]),
        email=EmailText(**data["email"]),
        speech=SpokenText(**speech) if speech else None,
    )
