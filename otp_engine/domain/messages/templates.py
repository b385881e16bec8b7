"""The texts of messages.

The code comes first, because notifications show the start of a message. Every text fits
one segment with a brand of ordinary length: 160 characters of GSM-7, or 70 if a single
character is outside it. The Spanish and Portuguese texts omit the accents that GSM-7
lacks. Apostrophes are straight, because a curly one doubles the price of a message.
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

    def render(self, *, code: str, brand: str, ttl: timedelta) -> str:
        # Rounded down: a text must not promise more time than the code has.
        minutes, seconds = divmod(int(ttl.total_seconds()), 60)
        time = f"{minutes} {self.minutes}" if minutes else f"{seconds} {self.seconds}"
        return self.text.format(code=code, brand=brand, ttl=time)


_TEMPLATES = {
    "en": _Template(
        "{code} is your {brand} code. It expires in {ttl}.", "Don't share it."
    ),
    "ar": _Template(
        "{code} هو رمز {brand}. صالح لمدة {ttl}.", "لا تشاركه.", "دقيقة", "ثانية"
    ),
    "de": _Template(
        "{code} ist dein {brand}-Code. Er gilt {ttl}.", "Gib ihn nicht weiter."
    ),
    "es": _Template(
        "{code} es tu codigo de {brand}. Caduca en {ttl}.", "No lo compartas."
    ),
    "fr": _Template(
        "{code} est votre code {brand}. Valable {ttl}.", "Ne le partagez pas."
    ),
    "hi": _Template(
        "{code} आपका {brand} कोड है। {ttl} तक मान्य।", "साझा न करें।", "मिनट", "सेकंड"
    ),
    "it": _Template(
        "{code} è il tuo codice {brand}. Scade tra {ttl}.", "Non condividerlo."
    ),
    "pt": _Template("{code}: seu codigo {brand}. Expira em {ttl}.", "Nao compartilhe."),
}

LOCALES = frozenset(_TEMPLATES)
"""The languages of the texts, as BCP 47 primary subtags."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message, as senders get it.

    Attributes:
        to: The number in E.164.
        masked: The masked number, for logs.
        channel: The channel of the message.
        body: The text, with the code.
        code: The code.
        verification_id: Id of the verification, 16 bytes.
        locale: BCP 47 tag of the requested language; None means English.
        ttl: Time that the code can be used.
        messaging_service: SID of the provider's Messaging Service; None means the
            provider's setting.
        skip_risk_check: Whether the provider's protection against fraud is off for this
            message.
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
    request: SendRequest,
    *,
    code: str,
    verification_id: bytes,
    ttl: timedelta,
    brand: str,
) -> Message:
    """Build the message of a send.

    Args:
        request: The send.
        code: The code.
        verification_id: Id of the verification, 16 bytes.
        ttl: Time that the code can be used.
        brand: Name in the message, if neither the request nor its service has one.
    """
    service = request.service
    options = request.options.with_defaults(
        brand=service.brand, do_not_share_warning=service.do_not_share_warning
    )
    return Message(
        to=request.number.e164,
        masked=request.number.masked,
        channel=request.channel,
        body=render(
            code=code,
            brand=options.brand or brand,
            ttl=ttl,
            locale=request.locale,
            options=options,
        ),
        code=code,
        verification_id=verification_id,
        locale=request.locale,
        ttl=ttl,
        messaging_service=service.messaging_service(request.number.country),
        skip_risk_check=options.skip_risk_check,
    )


def render(
    *,
    code: str,
    brand: str,
    ttl: timedelta,
    locale: str | None,
    options: MessageOptions = DEFAULT_OPTIONS,
) -> str:
    """Return the text of a message.

    Args:
        code: The code, which comes first.
        brand: Name in the message.
        ttl: Time that the code can be used.
        locale: BCP 47 tag; only its language counts (`es-MX` is Spanish). Without a
            template of this language, the text is English.
        options: Options of the text; their brand is not used.
    """
    template = _TEMPLATES.get(language_of(locale), _TEMPLATES[_ENGLISH])
    parts = [template.render(code=code, brand=brand, ttl=ttl)]
    if options.do_not_share_warning is not False:
        parts.append(template.warning)
    if options.app_hash:
        parts = ["<#>", *parts, options.app_hash]
    text = " ".join(parts)
    if not options.origin:
        return text
    # On the last line (W3C, Origin-bound one-time codes delivered via SMS).
    bound_text = f"{text}\n@{options.origin} #{code}"
    # Autofill is no reason for another segment, which costs as much as a message.
    is_free = segments.count(bound_text) == segments.count(text)
    return bound_text if is_free else text


def language_of(locale: str | None) -> str:
    """Return the language of a BCP 47 tag, such as `es` of `es-MX`."""
    return (locale or _ENGLISH).replace("_", "-").partition("-")[0].lower()


def render_placeholder(language: str, *, do_not_share_warning: bool) -> str:
    """Return the text of a template with Twilio's placeholders.

    Args:
        language: One of `LOCALES`.
        do_not_share_warning: Whether the text has the warning.
    """
    template = _TEMPLATES[language]
    text = template.text.format(
        brand="{{friendly_name}}", code="{{code}}", ttl="{{ttl}}"
    )
    return f"{text} {template.warning}" if do_not_share_warning else text
