"""`/v2/Services/{sid}/MessagingConfigurations`: the sender of messages by country."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import Any

from flask import Blueprint, g, request
from flask.typing import ResponseReturnValue

from otp_engine.api import context
from otp_engine.api.verify_v2 import errors, lookup, params, wire
from otp_engine.api.verify_v2.pagination import paginate
from otp_engine.domain.phones import numbers
from otp_engine.domain.services import ALL_COUNTRIES, MessagingConfiguration, Service

bp = Blueprint("messaging_configurations", __name__)

_LIST = "/Services/<service>/MessagingConfigurations"
_parse_service_sid = params.sid("MG")


@bp.post(_LIST)
def create(service: str) -> ResponseReturnValue:
    """Set the Messaging Service for a country."""
    form, now = params.parse(request), context.get_dependencies().utcnow()
    form.require("Country")
    form.require("MessagingServiceSid")
    configuration = MessagingConfiguration(
        country=form.parse("Country", _parse_country) or "",
        messaging_service=form.parse("MessagingServiceSid", _parse_service_sid) or "",
        created_at=now,
        updated_at=now,
    )
    lookup.update_service(service, lambda old: _add(old, configuration))
    return serialize(service, configuration), HTTPStatus.CREATED


@bp.get(_LIST)
def list_(service: str) -> ResponseReturnValue:
    """Return the configurations of a service."""
    return paginate(
        lookup.get_service(context.get_dependencies(), service).messaging,
        "messaging_configurations",
        serialize=lambda configuration: serialize(service, configuration),
        name=lambda configuration: configuration.country,
    )


@bp.get(f"{_LIST}/<country>")
def fetch(service: str, country: str) -> ResponseReturnValue:
    """Return the configuration for a country."""
    return serialize(
        service, _get(lookup.get_service(context.get_dependencies(), service), country)
    )


@bp.post(f"{_LIST}/<country>")
def update(service: str, country: str) -> ResponseReturnValue:
    """Change the Messaging Service for a country."""
    form, now = params.parse(request), context.get_dependencies().utcnow()
    form.require("MessagingServiceSid")
    sid = form.parse("MessagingServiceSid", _parse_service_sid) or ""

    def updated(old: Service) -> Service:
        before = _get(old, country)
        after = replace(before, messaging_service=sid, updated_at=now)
        return _add(_remove(old, before), after)

    return serialize(service, _get(lookup.update_service(service, updated), country))


@bp.delete(f"{_LIST}/<country>")
def delete(service: str, country: str) -> ResponseReturnValue:
    """Delete the configuration for a country; the operator's sender applies again."""
    lookup.update_service(service, lambda old: _remove(old, _get(old, country)))
    return "", HTTPStatus.NO_CONTENT


def serialize(service: str, configuration: MessagingConfiguration) -> dict[str, Any]:
    """Return the body of a configuration."""
    country = configuration.country
    return {
        "account_sid": g.account,
        "service_sid": service,
        "country": country,
        "messaging_service_sid": configuration.messaging_service,
        "date_created": wire.format_seconds(configuration.created_at),
        "date_updated": wire.format_seconds(configuration.updated_at),
        "url": wire.resource_url(
            "Services", service, "MessagingConfigurations", country
        ),
    }


def _parse_country(text: str) -> str:
    if text != ALL_COUNTRIES and not numbers.has_mobile_numbers(text):
        raise ValueError(f"must be an ISO 3166 country code or all: {text!r}")
    return text


def _get(service: Service, country: str) -> MessagingConfiguration:
    return lookup.first_or_404(
        service.messaging, lambda configuration: configuration.country == country
    )


def _add(service: Service, configuration: MessagingConfiguration) -> Service:
    if configuration.country in {other.country for other in service.messaging}:
        message = "A Messaging Configuration already exists for the given country"
        raise errors.TwilioApiError(60213, HTTPStatus.BAD_REQUEST, message)
    return replace(service, messaging=(*service.messaging, configuration))


def _remove(service: Service, configuration: MessagingConfiguration) -> Service:
    others = tuple(
        other for other in service.messaging if other.country != configuration.country
    )
    return replace(service, messaging=others)
