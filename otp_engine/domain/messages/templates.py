"""Messages, and how a send becomes one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from otp_engine.domain.messages import contents
from otp_engine.domain.messages.contents import Draft, TextDefaults
from otp_engine.domain.messages.speech import Speech
from otp_engine.domain.models import Channel, SendRequest


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
    service, country = request.service, request.address.country
    options = request.options.with_defaults(
        brand=service.brand, do_not_share_warning=service.do_not_share_warning
    )
    brand = options.brand or defaults.brand
    values = contents.variables(code=issued.code, brand=brand, ttl=issued.ttl)
    draft = Draft(
        values=values,
        channel=channel,
        country=country,
        locale=request.locale,
        ttl=issued.ttl,
        options=options,
    )
    content = contents.compose(draft, defaults)
    own = content.own
    return Message(
        to=request.address.canonical,
        masked=request.address.masked,
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
