"""Messages: how the sentences of a language become a text of one segment.

A segment is 160 characters of GSM-7, or 70 if a single character is outside it, and
each one costs as much as a message. A text that would need a second segment is
shortened, in this order:

1. the line for WebOTP, because a person can enter the code;
2. the lifetime, because a page or an app can show it;
3. the warning not to share the code;
4. the end of the brand, as much as needed.

The code is never left out, and neither is the hash for SMS Retriever: without it, the
app that requested the message could not read it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from otp_engine.domain.messages import languages, segments
from otp_engine.domain.messages.languages import LOCALES, TEXTS
from otp_engine.domain.messages.options import DEFAULT_OPTIONS, MessageOptions
from otp_engine.domain.messages.speech import Speech
from otp_engine.domain.models import Channel, SendRequest

__all__ = ["LOCALES", "Message", "build", "render", "render_placeholder"]

_MINUTE = timedelta(minutes=1)
# SMS Retriever reads messages of at most 140 bytes. On the air that is 160 characters
# of GSM-7, but a device may count a byte for each.
_SMS_RETRIEVER_CHARACTERS = 140


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
        locale: BCP 47 tag of the text; None means English, because the client requested
            none.
        ttl: Time that the code can be used.
        messaging_service: SID of the provider's Messaging Service; None means the
            provider's setting.
        skip_risk_check: Whether the provider's protection against fraud is off for this
            message.
        delivery_id: Names the message towards providers, 40 hex digits; see
            `delivery_ids`.
        language: BCP 47 tag of the language of the text.
        brand: The name in the text.
        country: ISO 3166 code of the country of the number; empty without a number.
        expires_at: When the code expires, in UTC.
        subject: Subject of an e-mail; None for other channels.
        speech: The sentences of a call; None for other channels.
        template_id: The provider's id of the operator's own text.
        sender_id: The sender that the operator's own text requires.
        variables: The values of a template: `code`, `brand` and `minutes`.
    """

    to: str = field(repr=False)
    masked: str
    channel: Channel
    body: str = field(repr=False)
    code: str = field(repr=False)
    verification_id: bytes
    locale: str | None
    ttl: timedelta
    delivery_id: str
    language: str
    brand: str
    country: str
    expires_at: datetime
    messaging_service: str | None = None
    skip_risk_check: bool = False
    subject: str | None = None
    speech: Speech | None = None
    template_id: str | None = None
    sender_id: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedCode:
    """The code of a send.

    Attributes:
        code: The code.
        verification_id: Id of its verification, 16 bytes.
        ttl: Time that the code can be used.
        expires_at: When it expires, in UTC.
    """

    code: str = field(repr=False)
    verification_id: bytes
    ttl: timedelta
    expires_at: datetime


def build(
    request: SendRequest,
    issued: IssuedCode,
    *,
    channel: Channel,
    delivery_id: str,
    brand: str,
) -> Message:
    """Build the message of a send.

    Args:
        request: The send.
        issued: Its code.
        channel: The channel of the message.
        delivery_id: Names the message towards providers.
        brand: Name in the message, if neither the request nor its service has one.
    """
    service = request.service
    options = request.options.with_defaults(
        brand=service.brand, do_not_share_warning=service.do_not_share_warning
    )
    tag = languages.select(request.locale, request.number.country)
    name = options.brand or brand
    return Message(
        to=request.number.e164,
        masked=request.number.masked,
        channel=channel,
        body=render(
            code=issued.code,
            brand=name,
            ttl=issued.ttl,
            language=languages.language_of(tag),
            options=options,
        ),
        code=issued.code,
        verification_id=issued.verification_id,
        locale=tag if request.locale else None,
        ttl=issued.ttl,
        messaging_service=service.messaging_service(request.number.country),
        skip_risk_check=options.skip_risk_check,
        delivery_id=delivery_id,
        language=tag,
        brand=name,
        country=request.number.country,
        expires_at=issued.expires_at,
        variables={
            "code": issued.code,
            "brand": name,
            "minutes": str(max(1, round(issued.ttl / _MINUTE))),
        },
    )


def render(
    *,
    code: str,
    brand: str,
    ttl: timedelta,
    language: str,
    options: MessageOptions = DEFAULT_OPTIONS,
) -> str:
    """Return the text of a message, which has one segment.

    Args:
        code: The code, which comes first.
        brand: Name in the message.
        ttl: Time that the code can be used.
        language: One of `LOCALES`.
        options: Options of the text; their brand is not used.
    """
    text = TEXTS[language]
    lifetime = text.render_lifetime(ttl)
    warning = "" if options.do_not_share_warning is False else text.warning
    # The line for WebOTP and the hash both have to be last (W3C, Origin-bound one-time
    # codes delivered via SMS). The client requested the hash for this message.
    has_origin = options.origin and not options.app_hash
    origin = f"\n@{options.origin} #{code}" if has_origin else ""
    message = ""
    for name, sentences, last_line in _versions(brand, lifetime, warning, origin):
        parts = [text.code.format(code=code, brand=name), *filter(None, sentences)]
        if options.app_hash:
            parts = ["<#>", *parts, options.app_hash]
        message = " ".join(parts) + last_line
        is_readable = not options.app_hash or len(message) <= _SMS_RETRIEVER_CHARACTERS
        if is_readable and segments.count(message) == 1:
            break
    return message


def _versions(
    brand: str, lifetime: str, warning: str, origin: str
) -> Iterator[tuple[str, tuple[str, ...], str]]:
    """Yield the parts of ever shorter messages: name, sentences and last line."""
    yield brand, (lifetime, warning), origin
    yield brand, (lifetime, warning), ""
    yield brand, (warning,), ""
    yield brand, (), ""
    for length in range(len(brand) - 1, 0, -1):
        # A letter keeps its marks, such as the vowel signs of Hindi.
        if not unicodedata.category(brand[length]).startswith("M"):
            yield brand[:length].rstrip(), (), ""


def render_placeholder(language: str, *, do_not_share_warning: bool) -> str:
    """Return the text of a template with Twilio's placeholders.

    Args:
        language: One of `LOCALES`.
        do_not_share_warning: Whether the text has the warning.
    """
    text = TEXTS[language]
    placeholders = {"brand": "{{friendly_name}}", "code": "{{code}}"}
    sentences = [
        text.code.format(**placeholders),
        text.lifetime.format(ttl="{{ttl}}"),
        *([text.warning] if do_not_share_warning else []),
    ]
    return " ".join(sentences)
