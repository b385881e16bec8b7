"""The words on the phone.

The code comes first, where a notification shows it. Every text fits one segment with
an ordinary brand: 160 characters of GSM-7, or 70 once a single character is outside
it. That is why the Spanish and Portuguese texts go without the accents that GSM-7
lacks, and why apostrophes are straight: a curly one doubles the price of a message.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from otp_engine.domain.messages import segments
from otp_engine.domain.messages.options import DEFAULT_OPTIONS, MessageOptions
from otp_engine.domain.models import Channel, SendRequest

_ENGLISH = "en"


@dataclass(frozen=True, slots=True)
class _Template:
    text: str
    warning: str
    minutes: str = "min"
    seconds: str = "s"

    def render(self, *, code: str, brand: str, life: timedelta) -> str:
        # Rounded down: a text must not promise time that a code does not have.
        minutes, seconds = divmod(int(life.total_seconds()), 60)
        left = f"{minutes} {self.minutes}" if minutes else f"{seconds} {self.seconds}"
        return self.text.format(code=code, brand=brand, life=left)


_TEXTS = {
    "en": _Template(
        "{code} is your {brand} code. It expires in {life}.", "Don't share it."
    ),
    "ar": _Template(
        "{code} هو رمز {brand}. صالح لمدة {life}.", "لا تشاركه.", "دقيقة", "ثانية"
    ),
    "de": _Template(
        "{code} ist dein {brand}-Code. Er gilt {life}.", "Gib ihn nicht weiter."
    ),
    "es": _Template(
        "{code} es tu codigo de {brand}. Caduca en {life}.", "No lo compartas."
    ),
    "fr": _Template(
        "{code} est votre code {brand}. Valable {life}.", "Ne le partagez pas."
    ),
    "hi": _Template(
        "{code} आपका {brand} कोड है। {life} तक मान्य।", "साझा न करें।", "मिनट", "सेकंड"
    ),
    "it": _Template(
        "{code} è il tuo codice {brand}. Scade tra {life}.", "Non condividerlo."
    ),
    "pt": _Template(
        "{code}: seu codigo {brand}. Expira em {life}.", "Nao compartilhe."
    ),
}

LOCALES = frozenset(_TEXTS)
"""The languages that have a text, as BCP 47 primary subtags."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a sender is handed.

    Attributes:
        to: The number in E.164.
        masked: The same, as it may be logged.
        body: The text, code included; kept out of the repr.
        code: The code in it.
        verification: Whose code it is, 16 bytes.
        locale: BCP 47 tag of the language that was asked for; none is English.
        life: How long the code can still be used.
        from_: The carrier's name for who it comes from; none is as configured.
        unfiltered: Whether the carrier's guard against fraud is to leave it alone.
    """

    to: str = field(repr=False)
    masked: str
    channel: Channel
    body: str = field(repr=False)
    code: str = field(repr=False)
    verification_id: bytes
    locale: str | None
    ttl: timedelta
    messaging_service: str | None = None
    skip_risk_check: bool = False


def build(
    asked: SendRequest, *, code: str, verification: bytes, life: timedelta, brand: str
) -> Message:
    """The message that brings *code*, as it and its service are asked for.

    *brand* is the name in it where neither has one.
    """
    service = asked.service
    wishes = asked.options.with_defaults(
        brand=service.brand, warned=service.do_not_share_warning
    )
    return Message(
        to=asked.number.e164,
        masked=asked.number.masked,
        channel=asked.channel,
        body=render(
            code=code,
            brand=wishes.brand or brand,
            life=life,
            locale=asked.locale,
            wishes=wishes,
        ),
        code=code,
        verification_id=verification,
        locale=asked.locale,
        ttl=life,
        messaging_service=service.messaging_service(asked.number.country),
        skip_risk_check=wishes.skip_risk_check,
    )


def render(
    *,
    code: str,
    brand: str,
    life: timedelta,
    locale: str | None,
    wishes: MessageOptions = DEFAULT_OPTIONS,
) -> str:
    """Write the text in the language of *locale*, or in English.

    Args:
        code: Comes first.
        brand: Whose code it is.
        life: How long it can be used.
        locale: A BCP 47 tag; only its language counts (`es-MX` is Spanish).
        wishes: How the text is to differ; its brand is none of this.
    """
    text = _TEXTS.get(language_of(locale), _TEXTS[_ENGLISH])
    words = [text.render(code=code, brand=brand, life=life)]
    if wishes.do_not_share_warning is not False:
        words.append(text.warning)
    if wishes.app_hash:
        words = ["<#>", *words, wishes.app_hash]
    message = " ".join(words)
    if not wishes.origin:
        return message
    # On a line of its own, and the last one (W3C, origin-bound one-time codes).
    bound = f"{message}\n@{wishes.origin} #{code}"
    # What only saves typing must not make a message dearer.
    return bound if segments.count(bound) == segments.count(message) else message


def language_of(locale: str | None) -> str:
    """The language of a BCP 47 tag, such as `es` of `es-MX`."""
    return (locale or _ENGLISH).replace("_", "-").partition("-")[0].lower()


def render_placeholder(language: str, *, warned: bool) -> str:
    """The text in *language* with the names of what is filled in, for callers."""
    text = _TEXTS[language]
    words = text.text.replace("{brand}", "{{friendly_name}}")
    words = words.replace("{code}", "{{code}}").replace("{life}", "{{ttl}}")
    return f"{words} {text.warning}" if warned else words
