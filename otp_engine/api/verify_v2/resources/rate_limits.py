"""`/v2/Services/{sid}/RateLimits`: rate limits that clients define."""

from __future__ import annotations

import re
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from flask import Blueprint, g, request
from flask.typing import ResponseReturnValue

from otp_engine.api import context
from otp_engine.api.verify_v2 import errors, lookup, params, wire
from otp_engine.api.verify_v2.pagination import paginate
from otp_engine.domain.services import RateLimit, Service

bp = Blueprint("rate_limits", __name__)

_LIST = "/Services/<service>/RateLimits"
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
_MAX_RATE_LIMITS = 20
_parse_description = params.single_line(256)


@bp.post(_LIST)
def create(service: str) -> ResponseReturnValue:
    """Create a rate limit; without buckets it refuses nothing."""
    form, now = params.parse(request), context.get_dependencies().utcnow()
    limit = RateLimit(
        sid=wire.generate_sid("RK"),
        name=_parse_name(form.require("UniqueName")),
        description=form.parse("Description", _parse_description),
        created_at=now,
        updated_at=now,
    )
    lookup.update_service(service, lambda old: _add(old, limit))
    return serialize(service, limit), HTTPStatus.CREATED


@bp.get(_LIST)
def list_(service: str) -> ResponseReturnValue:
    """Return the rate limits of a service."""
    return paginate(
        lookup.get_service(context.get_dependencies(), service).rate_limits,
        "rate_limits",
        serialize=lambda limit: serialize(service, limit),
        name=lambda limit: limit.sid,
    )


@bp.get(f"{_LIST}/<sid>")
def fetch(service: str, sid: str) -> ResponseReturnValue:
    """Return a rate limit."""
    return serialize(
        service,
        get_rate_limit(lookup.get_service(context.get_dependencies(), service), sid),
    )


@bp.post(f"{_LIST}/<sid>")
def update(service: str, sid: str) -> ResponseReturnValue:
    """Change the description of a rate limit."""
    description = params.parse(request).parse("Description", _parse_description)
    now = context.get_dependencies().utcnow()

    def updated(old: Service) -> Service:
        limit = get_rate_limit(old, sid)
        text = limit.description if description is None else description
        return replace_rate_limit(old, replace(limit, description=text, updated_at=now))

    new = lookup.update_service(service, updated)
    return serialize(service, get_rate_limit(new, sid))


@bp.delete(f"{_LIST}/<sid>")
def delete(service: str, sid: str) -> ResponseReturnValue:
    """Delete a rate limit and its buckets."""
    lookup.update_service(service, lambda old: _remove(old, get_rate_limit(old, sid)))
    return "", HTTPStatus.NO_CONTENT


def get_rate_limit(service: Service, sid: str) -> RateLimit:
    """Return the rate limit with that SID.

    Raises:
        TwilioApiError: The service has no such rate limit.
    """
    return lookup.first_or_404(service.rate_limits, lambda limit: limit.sid == sid)


def replace_rate_limit(service: Service, new: RateLimit) -> Service:
    """Return *service* with *new* in place of the rate limit with the same SID."""
    limits = tuple(
        new if limit.sid == new.sid else limit for limit in service.rate_limits
    )
    return replace(service, rate_limits=limits)


def serialize(service: str, limit: RateLimit) -> dict[str, Any]:
    """Return the body of a rate limit."""
    path = ("Services", service, "RateLimits", limit.sid)
    return {
        "sid": limit.sid,
        "service_sid": service,
        "account_sid": g.account,
        "unique_name": limit.name,
        "description": limit.description,
        "date_created": wire.format_seconds(limit.created_at),
        "date_updated": wire.format_seconds(limit.updated_at),
        "url": wire.resource_url(*path),
        "links": {"buckets": wire.resource_url(*path, "Buckets")},
    }


def _parse_name(text: str) -> str:
    if not _NAME.fullmatch(text):
        message = "Rate limit UniqueName format is invalid"
        raise errors.TwilioApiError(60209, HTTPStatus.BAD_REQUEST, message)
    return text


def _add(service: Service, limit: RateLimit) -> Service:
    if len(service.rate_limits) >= _MAX_RATE_LIMITS:
        message = "Max rate limits per service reached"
        raise errors.TwilioApiError(60207, HTTPStatus.BAD_REQUEST, message)
    if limit.name in {other.name for other in service.rate_limits}:
        message = "Rate limit with that UniqueName already exists"
        raise errors.TwilioApiError(60208, HTTPStatus.BAD_REQUEST, message)
    return replace(service, rate_limits=(*service.rate_limits, limit))


def _remove(service: Service, limit: RateLimit) -> Service:
    others = tuple(other for other in service.rate_limits if other != limit)
    return replace(service, rate_limits=others)
