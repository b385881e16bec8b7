"""Parameters of a new verification or of a resend."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from http import HTTPStatus
from typing import Any

from flask import g

from otp_engine import parsing
from otp_engine.api.context import Dependencies
from otp_engine.api.verify_v2 import authentication, channels, errors, lookup, params
from otp_engine.api.verify_v2.params import FormParams
from otp_engine.api.verify_v2.resources import templates
from otp_engine.domain import addresses, codes, services
from otp_engine.domain.addresses import Address
from otp_engine.domain.limits.limits import Limit, LimitHit, Window
from otp_engine.domain.messages.options import MessageOptions
from otp_engine.domain.models import Api, SendRequest
from otp_engine.domain.services import Service
from otp_engine.errors import InvalidCode, InvalidRequest

_MAX_TAGS, _MAX_TAG_LENGTH = 10, 128


def parse(app: Dependencies, form: FormParams, service: Service) -> SendRequest:
    """Parse the parameters of a send through *service*.

    Raises:
        TwilioApiError: A parameter is missing or not valid, or the service does not
            allow it.
    """
    values = form.parse_all(_FIRST_PARSERS, required=("To", "Channel"))
    if not _UNSUPPORTED.isdisjoint(values):
        raise _unsupported(values)
    address = parse_address(app, values["To"])
    channel = values["Channel"]
    if channel and not addresses.reaches(channel, address):
        raise errors.invalid_destination(values["To"])
    values |= form.parse_all(_PARSERS, required=())
    return SendRequest(
        address=address,
        channel=channel,
        locale=values.get("Locale"),
        client_ip=authentication.client_ip(values.get("DeviceIp")),
        service=service,
        custom_code=_custom_code(values.get("CustomCode"), service),
        extra_hits=_extra_hits(values.get("RateLimits"), service),
        client_name=g.client_name,
        bind=service.bind,
        api=Api.V2,
        options=MessageOptions(
            brand=values.get("CustomFriendlyName"),
            do_not_share_warning=_do_not_share_warning(
                values.get("TemplateSid"), service
            ),
            app_hash=values.get("AppHash"),
            skip_risk_check=values.get("RiskCheck") == "disable",
        ),
    )


def parse_address(app: Dependencies, to: str) -> Address:
    """Parse an e-mail address, or a phone number with its plus.

    Raises:
        TwilioApiError: *to* is neither.
    """
    try:
        return lookup.parse_address(app, to)
    except InvalidRequest:
        raise errors.invalid_destination(to) from None


def _unsupported(values: Container[str]) -> errors.TwilioApiError:
    """Return the error for the first unsupported parameter among *values*."""
    if "CustomMessage" in values:
        message = "Custom messages are not supported"
        return errors.TwilioApiError(60243, HTTPStatus.BAD_REQUEST, message)
    # PSD2: a payer must not assume that the message names amount and payee.
    return errors.unsupported_feature()


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
        return codes.parse_custom(text)
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


def _extra_hits(
    values: Mapping[str, str] | None, service: Service
) -> tuple[LimitHit, ...]:
    """Return a hit for each bucket of the rate limits that the client names."""
    if not values:
        return ()
    limits = {limit.name: limit for limit in service.rate_limits}
    if not values.keys() <= limits.keys():
        raise errors.invalid_parameter("RateLimits")
    return tuple(
        LimitHit(bucket.sid, value, Limit((Window(bucket.max, bucket.interval),)))
        for name, value in values.items()
        for bucket in limits[name].buckets
    )


_UNSUPPORTED = frozenset({"CustomMessage", "Amount", "Payee"})
# Clients match on the error of the first invalid parameter, so the order is fixed:
# these, the unsupported ones, the number, and then the others.
_FIRST_PARSERS: Mapping[str, Callable[[str], Any]] = {
    "To": str,
    "Channel": channels.parse,
    "Tags": _tags,
    "TemplateCustomSubstitutions": params.json_object,
    **dict.fromkeys(_UNSUPPORTED, str),
}
_PARSERS: Mapping[str, Callable[[str], Any]] = {
    "Locale": parsing.language_tag,
    "RateLimits": params.string_map,
    "CustomFriendlyName": services.parse_name,
    "AppHash": params.app_hash,
    "RiskCheck": parsing.choice(["enable", "disable"]),
    # Those of other channels, without an effect.
    "ChannelConfiguration": params.json_object,
    "EnableSnaClientToken": params.boolean,
    **dict.fromkeys(("CustomCode", "DeviceIp", "TemplateSid"), str),
}
