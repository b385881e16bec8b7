"""Messages, and how a send becomes one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from otp_engine.domain.messages import emails, languages, own_texts, sms, speech
from otp_engine.domain.messages.country_languages import BY_COUNTRY
from otp_engine.domain.messages.options import MessageOptions
from otp_engine.domain.messages.own_texts import NO_OWN_TEXTS, OwnText, OwnTexts
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
        own_texts: The operator's own texts.
    """

    brand: str
    by_country: Mapping[str, str] = field(default_factory=lambda: BY_COUNTRY)
    own_texts: OwnTexts = NO_OWN_TEXTS


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
    brand = options.brand or defaults.brand
    language = languages.select(request.locale, country, defaults.by_country)
    own = defaults.own_texts.select(channel, country, language)
    values = variables(code=issued.code, brand=brand, ttl=issued.ttl)
    draft = _Draft(language, issued.ttl, options, values, own)
    content = _RENDERERS.get(channel, _text_message)(draft)
    return Message(
        to=request.number.canonical,
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
        template_id=own.template_id if own else None,
        sender_id=own.sender_id if own else None,
        variables=values,
    )


def variables(*, code: str, brand: str, ttl: timedelta) -> dict[str, str]:
    """Return the values of the placeholders of a template.

    Args:
        code: The code.
        brand: Name in the message.
        ttl: Time that the code can be used.
    """
    return {"code": code, "brand": brand, "minutes": str(max(1, ttl // _MINUTE))}


@dataclass(frozen=True, slots=True)
class _Draft:
    """What the content of a message is made of.

    Attributes:
        language: One of `languages.LOCALES`.
        ttl: Time that the code can be used.
        options: The options of the message; their brand is not used.
        variables: The code, the brand and the minutes.
        own: The operator's own text, if there is one for the message.
    """

    language: str
    ttl: timedelta
    options: MessageOptions
    variables: Mapping[str, str] = field(repr=False)
    own: OwnText | None

    @property
    def own_text(self) -> str | None:
        """The operator's own text, with its placeholders replaced."""
        text = self.own and self.own.text
        return own_texts.fill(text, self.variables) if text else None


def _call(draft: _Draft) -> _Content:
    code = draft.variables["code"]
    # The text of a call ends with the code, which is spoken digit by digit.
    announcement = draft.own_text and draft.own_text.rstrip().removesuffix(code)
    call = speech.build(
        code=code,
        brand=draft.variables["brand"],
        language=draft.language,
        announcement=announcement and announcement.rstrip(),
    )
    return _Content(body=call.text, language=call.language, speech=call)


def _email(draft: _Draft) -> _Content:
    email = emails.render(
        code=draft.variables["code"],
        brand=draft.variables["brand"],
        ttl=draft.ttl,
        language=draft.language,
    )
    subject = draft.own and draft.own.subject
    return _Content(
        body=draft.own_text or email.body,
        language=draft.language,
        subject=own_texts.fill(subject, draft.variables) if subject else email.subject,
    )


def _text_message(draft: _Draft) -> _Content:
    """Return a text message.

    WhatsApp and Telegram have texts of their own, and it is a preview of theirs.
    """
    if draft.own and draft.own.text:
        body = draft.own.render(draft.variables, draft.options)
    else:
        body = sms.render(
            code=draft.variables["code"],
            brand=draft.variables["brand"],
            ttl=draft.ttl,
            language=draft.language,
            options=draft.options,
        ).text
    return _Content(body=body, language=draft.language)


_RENDERERS = {Channel.CALL: _call, Channel.EMAIL: _email}
