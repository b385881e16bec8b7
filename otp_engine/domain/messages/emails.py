"""The texts of e-mails."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from otp_engine.domain.messages import texts


@dataclass(frozen=True, slots=True)
class Email:
    """The text of an e-mail.

    Attributes:
        subject: The subject, without the code: mail servers log it, and a locked
            screen shows it.
        body: The body in plain text, with the code on a line of its own.
    """

    subject: str
    body: str = field(repr=False)


def render(*, code: str, brand: str, ttl: timedelta, language: str) -> Email:
    """Return the text of an e-mail.

    It always has the warning not to share the code, because it has room for it.

    Args:
        code: The code.
        brand: Name in the e-mail.
        ttl: Time that the code can be used.
        language: One of `languages.LOCALES`.
    """
    language_texts = texts.load(language)
    text = language_texts.email
    time = language_texts.format_minutes(text.minutes, ttl)
    lifetime = text.lifetime.format(time=time)
    paragraphs = (
        text.purpose.format(brand=brand),
        code,
        f"{lifetime}{language_texts.separator}{text.warning}",
        text.unrequested,
    )
    return Email(text.subject.format(brand=brand), "\n\n".join(paragraphs) + "\n")
