"""What a recipient reads or hears: the text of a message on its channel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from otp_engine.domain.messages import (
    accents,
    emails,
    languages,
    own_texts,
    sms,
    speech,
)
from otp_engine.domain.messages.country_languages import BY_COUNTRY
from otp_engine.domain.messages.options import DEFAULT_OPTIONS, MessageOptions
from otp_engine.domain.messages.own_texts import NO_OWN_TEXTS, OwnText, OwnTexts
from otp_engine.domain.messages.sms import Part
from otp_engine.domain.messages.speech import Speech
from otp_engine.domain.models import Channel

_MINUTE = timedelta(minutes=1)


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
class Content:
    """What a recipient reads or hears.

    Attributes:
        body: The text, with the code.
        language: BCP 47 tag of the language of the text.
        subject: Subject of an e-mail.
        speech: The sentences of a call.
        own: The operator's own text, if it is one.
        left_out: The parts that were left out for a text of one segment.
    """

    body: str = field(repr=False)
    language: str
    subject: str | None = None
    speech: Speech | None = None
    own: OwnText | None = None
    left_out: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A message without its text.

    Attributes:
        values: The values of the placeholders; see `variables`.
        channel: The channel of the message.
        country: ISO 3166 code of the country of the number; empty without a number.
        locale: BCP 47 tag that the client requested, if any.
        ttl: Time that the code can be used.
        options: The options of the message; their brand is not used.
    """

    values: Mapping[str, str] = field(repr=False)
    channel: Channel
    country: str
    locale: str | None
    ttl: timedelta
    options: MessageOptions = DEFAULT_OPTIONS


def variables(*, code: str, brand: str, ttl: timedelta) -> dict[str, str]:
    """Return the values of the placeholders of a template.

    Args:
        code: The code.
        brand: Name in the message.
        ttl: Time that the code can be used.
    """
    return {"code": code, "brand": brand, "minutes": str(max(1, ttl // _MINUTE))}


def compose(draft: Draft, defaults: TextDefaults) -> Content:
    """Return the content of a message.

    WhatsApp and Telegram have texts of their own, so the text message is a preview of
    theirs.

    Args:
        draft: The message.
        defaults: The rest that decides the text.
    """
    language = languages.select(draft.locale, draft.country, defaults.by_country)
    own = defaults.own_texts.select(draft.channel, draft.country, language)
    if draft.channel is Channel.CALL:
        return _call(draft, language, own)
    if draft.channel is Channel.EMAIL:
        return _email(draft, language, own)
    if own and own.text:
        body = own.render(draft.values, draft.options)
        return Content(body=body, language=language, own=own)
    rendered = sms.render(
        code=draft.values["code"],
        brand=draft.values["brand"],
        ttl=draft.ttl,
        language=language,
        options=draft.options,
    )
    return Content(
        body=rendered.text, language=language, own=own, left_out=rendered.left_out
    )


def _call(draft: Draft, language: str, own: OwnText | None) -> Content:
    code, announcement = draft.values["code"], None
    if own and own.text:
        # The text of a call ends with the code, which is spoken digit by digit.
        text = own_texts.fill(own.text, draft.values).rstrip()
        announcement = text.removesuffix(code).rstrip()
    language = speech.spoken_language(language)
    accent = accents.select(language, draft.locale, draft.country)
    if accent in languages.LOCALES:
        language = accent
    call = speech.build(
        code=code,
        brand=draft.values["brand"],
        language=language,
        accent=accent,
        announcement=announcement,
    )
    return Content(body=call.text, language=language, speech=call, own=own)


def _email(draft: Draft, language: str, own: OwnText | None) -> Content:
    email = emails.render(
        code=draft.values["code"],
        brand=draft.values["brand"],
        ttl=draft.ttl,
        language=language,
    )
    body, subject = email.body, email.subject
    if own and own.text:
        body = own_texts.fill(own.text, draft.values)
    if own and own.subject:
        subject = own_texts.fill(own.subject, draft.values)
    return Content(body=body, language=language, subject=subject, own=own)
