"""Reads what a program wants to have sent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus

from flask import g

from otp_engine.api import context
from otp_engine.api.verify_v2 import accounts, errors, parameters, templates
from otp_engine.api.verify_v2.parameters import Parameters
from otp_engine.domain import codes, messages, phone
from otp_engine.domain.limits import Charge, Limit, Window
from otp_engine.domain.phone import PhoneNumber
from otp_engine.domain.service import Service
from otp_engine.domain.verification import Asked, Channel
from otp_engine.domain.wishes import Wishes
from otp_engine.errors import InvalidCode, InvalidPhone, InvalidRequest

_LOCALE = re.compile(r"[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8}){0,3}", re.ASCII)
_MOST_TAGS, _LONGEST_TAG = 10, 128


def read(given: Parameters, service: Service) -> Asked:
    """Read the parameters of a new verification, or of a re-send.

    Raises:
        Problem: One of them cannot be, or the service does not allow it.
    """
    to, channel = given.required("To"), given.required("Channel")
    if channel not in set(Channel):
        raise errors.invalid("Channel")
    given.read("Tags", _tags)
    given.read("TemplateCustomSubstitutions", parameters.pairs)
    if given.has("CustomMessage"):
        raise errors.Problem(60243, 400, "Custom messages are not supported")
    if given.has("Amount") or given.has("Payee"):
        # Who pays must not believe that the message said what for.
        message = "Service does not support this feature"
        raise errors.Problem(60204, HTTPStatus.FORBIDDEN, message)
    return Asked(
        number=number(to),
        channel=Channel(channel),
        locale=given.read("Locale", _locale),
        address=_address(given),
        service=service,
        code=_code(given, service),
        charges=_charges(given, service),
        client=g.caller,
        bind=service.bind,
        wishes=Wishes(
            brand=given.read("CustomFriendlyName", parameters.friendly_name),
            warned=_warned(given, service),
            app_hash=given.read("AppHash", parameters.app_hash),
            unfiltered=given.read("RiskCheck", _RISK) == "disable",
        ),
    )


_RISK = parameters.one_of(["enable", "disable"])


def number(to: str) -> PhoneNumber:
    """Read a number in E.164.

    Raises:
        Problem: It is none.
    """
    try:
        return context.current().numbers.read(to, phone.NOWHERE)
    except InvalidPhone:
        raise errors.invalid_to(to) from None


def _address(given: Parameters) -> str | None:
    device = given.text("DeviceIp")
    try:
        return accounts.address(device)
    except InvalidRequest:
        raise errors.invalid("DeviceIp") from None


def _locale(given: str) -> str:
    if not _LOCALE.fullmatch(given):
        raise ValueError(given)
    if messages.language_of(given) not in messages.LOCALES:
        raise ValueError(given)
    return given


def _tags(given: str) -> Mapping[str, str]:
    tags = parameters.pairs(given)
    longest = max(map(len, [*tags.keys(), *tags.values()]), default=0)
    if len(tags) > _MOST_TAGS or longest > _LONGEST_TAG:
        raise ValueError(given)
    return tags


def _code(given: Parameters, service: Service) -> str | None:
    if (typed := given.text("CustomCode")) is None:
        return None
    if not service.custom_code:
        message = "Service does not support this feature"
        raise errors.Problem(60204, HTTPStatus.FORBIDDEN, message)
    try:
        return codes.read_custom(typed)
    except InvalidCode:
        raise errors.invalid("CustomCode") from None


def _warned(given: Parameters, service: Service) -> bool | None:
    sid = given.text("TemplateSid")
    try:
        if sid or service.template:
            return templates.warned(sid or service.template or "")
    except ValueError:
        raise errors.Problem(60228, 400, "Template was not found") from None
    return None


def _charges(given: Parameters, service: Service) -> tuple[Charge, ...]:
    counted = given.read("RateLimits", parameters.pairs) or {}
    limits = {limit.name: limit for limit in service.rate_limits}
    if not counted.keys() <= limits.keys():
        raise errors.invalid("RateLimits")
    return tuple(
        Charge(bucket.sid, value, Limit((Window(bucket.most, bucket.interval),)))
        for name, value in counted.items()
        for bucket in limits[name].buckets
    )
