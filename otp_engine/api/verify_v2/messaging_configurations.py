"""`/v2/Services/{sid}/MessagingConfigurations`: who messages come from, by country."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import Any

from flask import Blueprint, g, request
from flask.typing import ResponseReturnValue

from otp_engine.api import context
from otp_engine.api.verify_v2 import (
    dates,
    errors,
    finding,
    pages,
    parameters,
    urls,
)
from otp_engine.domain import phone
from otp_engine.domain.service import (
    EVERY_COUNTRY,
    MessagingConfiguration,
    Service,
)

bp = Blueprint("messaging_configurations", __name__)

_LIST = "/Services/<service>/MessagingConfigurations"
_SERVICE = parameters.sid("MG")


@bp.post(_LIST)
def create(service: str) -> ResponseReturnValue:
    """Say who messages to a country come from."""
    given, now = parameters.read(request), context.current().now()
    given.required("Country")
    given.required("MessagingServiceSid")
    new = MessagingConfiguration(
        country=given.read("Country", _country) or "",
        messaging_service=given.read("MessagingServiceSid", _SERVICE) or "",
        created=now,
        updated=now,
    )
    finding.change(service, lambda old: _with(old, new))
    return _shape(service, new), HTTPStatus.CREATED


@bp.get(_LIST)
def page(service: str) -> ResponseReturnValue:
    """List what was said."""
    return pages.of(
        finding.service(service).messaging,
        "messaging_configurations",
        shape=lambda one: _shape(service, one),
        name=lambda one: one.country,
    )


@bp.get(f"{_LIST}/<country>")
def fetch(service: str, country: str) -> ResponseReturnValue:
    """Say who messages to one country come from."""
    return _shape(service, _of(finding.service(service), country))


@bp.post(f"{_LIST}/<country>")
def update(service: str, country: str) -> ResponseReturnValue:
    """Say it anew."""
    given = parameters.read(request)
    given.required("MessagingServiceSid")
    sid = given.read("MessagingServiceSid", _SERVICE) or ""

    def turned(old: Service) -> Service:
        before = _of(old, country)
        after = replace(before, messaging_service=sid, updated=context.current().now())
        return _with(_without(old, before), after)

    return _shape(service, _of(finding.change(service, turned), country))


@bp.delete(f"{_LIST}/<country>")
def delete(service: str, country: str) -> ResponseReturnValue:
    """Leave it to the operator again."""
    finding.change(service, lambda old: _without(old, _of(old, country)))
    return "", HTTPStatus.NO_CONTENT


def _country(given: str) -> str:
    if given != EVERY_COUNTRY and not phone.is_region(given):
        raise ValueError(given)
    return given


def _of(service: Service, country: str) -> MessagingConfiguration:
    return finding.one(service.messaging, lambda one: one.country == country)


def _with(service: Service, new: MessagingConfiguration) -> Service:
    if new.country in {one.country for one in service.messaging}:
        message = "A Messaging Configuration already exists for the given country"
        raise errors.Problem(60213, HTTPStatus.BAD_REQUEST, message)
    return replace(service, messaging=(*service.messaging, new))


def _without(service: Service, gone: MessagingConfiguration) -> Service:
    others = tuple(one for one in service.messaging if one.country != gone.country)
    return replace(service, messaging=others)


def _shape(service: str, one: MessagingConfiguration) -> dict[str, Any]:
    return {
        "account_sid": g.account,
        "service_sid": service,
        "country": one.country,
        "messaging_service_sid": one.messaging_service,
        "date_created": dates.seconds(one.created),
        "date_updated": dates.seconds(one.updated),
        "url": urls.of("Services", service, "MessagingConfigurations", one.country),
    }
