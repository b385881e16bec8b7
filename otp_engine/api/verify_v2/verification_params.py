"""Parameters of a new verification or of a resend."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from flask import g

from otp_engine import parsing
from otp_engine.api import context
from otp_engine.api.verify_v2 import auth, errors, params
from otp_engine.api.verify_v2.params import FormParams
from otp_engine.api.verify_v2.resources import templates
from otp_engine.domain import codes, messages, phone
from otp_engine.domain.limits import Charge, Limit, Window
from otp_engine.domain.phone import PhoneNumber
from otp_engine.domain.service import Service
from otp_engine.domain.verification import Asked, Channel
from otp_engine.domain.wishes import Wishes
from otp_engine.errors import InvalidCode, InvalidPhone, InvalidRequest

_MAX_TAGS, _MAX_TAG_LENGTH = 10, 128


def parse(form: FormParams, service: Service) -> Asked:
    """Parse the parameters of a send.

    Raises:
        TwilioApiError: A parameter is missing or not valid, or the service does not
            allow it.
    """
    to = form.require("To")
    channel = form.require("Channel")
    if channel not in _CHANNELS:
        raise errors.invalid_parameter("Channel")
    values = form.parse_all(_PARSERS)
    _reject_unsupported(form)
    return Asked(
        number=parse_number(to),
        channel=Channel(channel),
        locale=values.get("Locale"),
        address=_client_ip(form.get("DeviceIp")),
        service=service,
        code=_custom_code(form.get("CustomCode"), service),
        charges=_extra_hits(values.get("RateLimits") or {}, service),
        client=g.caller,
        bind=service.bind,
        wishes=Wishes(
            brand=values.get("CustomFriendlyName"),
            warned=_do_not_share_warning(form.get("TemplateSid"), service),
            app_hash=values.get("AppHash"),
            unfiltered=values.get("RiskCheck") == "disable",
        ),
    )


def parse_number(to: str) -> PhoneNumber:
    """Parse a phone number in E.164.

    Raises:
        TwilioApiError: *to* is not a phone number.
    """
    try:
        return context.current().numbers.read(to, phone.NOWHERE)
    except InvalidPhone:
        raise errors.invalid_destination(to) from None


def _reject_unsupported(form: FormParams) -> None:
    if form.has("CustomMessage"):
        raise errors.TwilioApiError(
            60243, HTTPStatus.BAD_REQUEST, "Custom messages are not supported"
        )
    if form.has("Amount") or form.has("Payee"):
        # PSD2: a payer must not assume that the message names amount and payee.
        raise errors.unsupported_feature()


def _client_ip(device_ip: str | None) -> str | None:
    try:
        return auth.client_ip(device_ip)
    except InvalidRequest:
        raise errors.invalid_parameter("DeviceIp") from None


def _locale(text: str) -> str:
    tag = parsing.language_tag(text)
    if messages.language_of(tag) not in messages.LOCALES:
        raise ValueError(f"must be a language that messages exist in: {text!r}")
    return tag


def _tags(text: str) -> Mapping[str, str]:
    tags = params.string_map(text)
    longest = max(map(len, [*tags.keys(), *tags.values()]), default=0)
    if len(tags) > _MAX_TAGS or longest > _MAX_TAG_LENGTH:
        raise ValueError(
            f"must have at most {_MAX_TAGS} tags of {_MAX_TAG_LENGTH} characters"
        )
    return tags


def _custom_code(text: str | None, service: Service) -> str | None:
    if text is None:
        return None
    if not service.custom_code:
        raise errors.unsupported_feature()
    try:
        return codes.read_custom(text)
    except InvalidCode:
        raise errors.invalid_parameter("CustomCode") from None


def _do_not_share_warning(template: str | None, service: Service) -> bool | None:
    sid = template or service.template
    if sid is None:
        return None
    try:
        return templates.has_warning(sid)
    except ValueError:
        raise errors.TwilioApiError(
            60228, HTTPStatus.BAD_REQUEST, "Template was not found"
        ) from None


def _extra_hits(values: Mapping[str, str], service: Service) -> tuple[Charge, ...]:
    """Return a hit for each bucket of the rate limits that the client names."""
    limits = {limit.name: limit for limit in service.rate_limits}
    if not values.keys() <= limits.keys():
        raise errors.invalid_parameter("RateLimits")
    return tuple(
        Charge(bucket.sid, value, Limit((Window(bucket.most, bucket.interval),)))
        for name, value in values.items()
        for bucket in limits[name].buckets
    )


_CHANNELS = frozenset(Channel)
_RISK_CHECK = parsing.choice(["enable", "disable"])
_PARSERS = {
    "Tags": _tags,
    "TemplateCustomSubstitutions": params.string_map,
    "Locale": _locale,
    "RateLimits": params.string_map,
    "CustomFriendlyName": params.friendly_name,
    "AppHash": params.app_hash,
    "RiskCheck": _RISK_CHECK,
}
