"""Messages, and how a send becomes one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from otp_engine.domain.messages import languages, sms
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
    language = languages.select(request.locale, request.number.country)
    name = options.brand or brand
    return Message(
        to=request.number.e164,
        masked=request.number.masked,
        channel=channel,
        body=sms.render(
            code=issued.code,
            brand=name,
            ttl=issued.ttl,
            language=language,
            options=options,
        ).text,
        code=issued.code,
        verification_id=issued.verification_id,
        locale=request.locale,
        ttl=issued.ttl,
        messaging_service=service.messaging_service(request.number.country),
        skip_risk_check=options.skip_risk_check,
        delivery_id=delivery_id,
        language=language,
        brand=name,
        country=request.number.country,
        expires_at=issued.expires_at,
        variables={
            "code": issued.code,
            "brand": name,
            "minutes": str(max(1, issued.ttl // _MINUTE)),
        },
    )
