"""Messages, and how a send becomes one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from otp_engine.domain.messages import emails, languages, sms, speech
from otp_engine.domain.messages.country_languages import BY_COUNTRY
from otp_engine.domain.messages.options import MessageOptions
from otp_engine.domain.messages.speech import Speech
from otp_engine.domain.models import Channel, SendRequest

_MINUTE = timedelta(minutes=1)


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
        locale: BCP 47 tag that the client requested, if any.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class TextDefaults:
    """What decides the text of a message, besides its request and its service.

    Attributes:
        brand: Name in the message, if neither the request nor its service has one.
        by_country: The language of each country with another language than English.
    """

    brand: str
    by_country: Mapping[str, str] = field(default_factory=lambda: BY_COUNTRY)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Content:
    """What a recipient reads or hears."""

    body: str = field(repr=False)
    language: str
    subject: str | None = None
    speech: Speech | None = None


def build(
    request: SendRequest,
    issued: IssuedCode,
    *,
    channel: Channel,
    delivery_id: str,
    defaults: TextDefaults,
) -> Message:
    """Build the message of a send.

    Args:
        request: The send.
        issued: Its code.
        channel: The channel of the message.
        delivery_id: Names the message towards providers.
        defaults: The rest that decides the text.
    """
    service, country = request.service, request.number.country
    options = request.options.with_defaults(
        brand=service.brand, do_not_share_warning=service.do_not_share_warning
    )
    options = replace(options, brand=options.brand or defaults.brand)
    language = languages.select(request.locale, country, defaults.by_country)
    content = _content(channel, issued, language, options)
    brand = options.brand or ""
    return Message(
        to=request.number.e164,
        masked=request.number.masked,
        channel=channel,
        body=content.body,
        code=issued.code,
        verification_id=issued.verification_id,
        locale=request.locale,
        ttl=issued.ttl,
        messaging_service=service.messaging_service(country),
        skip_risk_check=options.skip_risk_check,
        delivery_id=delivery_id,
        language=content.language,
        brand=brand,
        country=country,
        expires_at=issued.expires_at,
        subject=content.subject,
        speech=content.speech,
        variables={
            "code": issued.code,
            "brand": brand,
            "minutes": str(max(1, issued.ttl // _MINUTE)),
        },
    )


def _content(
    channel: Channel, issued: IssuedCode, language: str, options: MessageOptions
) -> _Content:
    """Return the content of a message on *channel*.

    WhatsApp and Telegram have texts of their own, so the text message is a preview of
    theirs.
    """
    code, brand = issued.code, options.brand or ""
    if channel is Channel.CALL:
        call = speech.build(code=code, brand=brand, language=language)
        return _Content(body=call.text, language=call.language, speech=call)
    if channel is Channel.EMAIL:
        email = emails.render(code=code, brand=brand, ttl=issued.ttl, language=language)
        return _Content(body=email.body, language=language, subject=email.subject)
    text = sms.render(
        code=code, brand=brand, ttl=issued.ttl, language=language, options=options
    ).text
    return _Content(body=text, language=language)
