"""`/v2/Services/{sid}/RateLimits`: limits of a service's own."""

from __future__ import annotations

import re
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
    sids,
    urls,
)
from otp_engine.domain.service import RateLimit, Service

bp = Blueprint("rate_limits", __name__)

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
_LONGEST_DESCRIPTION = 256
_MOST = 20


@bp.post("/Services/<service>/RateLimits")
def create(service: str) -> ResponseReturnValue:
    """Begin a limit; without a bucket it refuses nothing."""
    given, now = parameters.read(request), context.current().now()
    limit = RateLimit(
        sid=sids.new("RK"),
        name=_name(given.required("UniqueName")),
        description=given.read("Description", parameters.line(_LONGEST_DESCRIPTION)),
        created=now,
        updated=now,
    )
    finding.change(service, lambda old: _with(old, limit))
    return shape(service, limit), HTTPStatus.CREATED


@bp.get("/Services/<service>/RateLimits")
def page(service: str) -> ResponseReturnValue:
    """List the limits of a service."""
    return pages.of(
        finding.service(service).rate_limits,
        "rate_limits",
        shape=lambda one: shape(service, one),
        name=lambda one: one.sid,
    )


@bp.get("/Services/<service>/RateLimits/<sid>")
def fetch(service: str, sid: str) -> ResponseReturnValue:
    """Say what a limit is like."""
    return shape(service, of(finding.service(service), sid))


@bp.post("/Services/<service>/RateLimits/<sid>")
def update(service: str, sid: str) -> ResponseReturnValue:
    """Describe a limit anew."""
    reader = parameters.line(_LONGEST_DESCRIPTION)
    words = parameters.read(request).read("Description", reader)

    def described(old: RateLimit) -> RateLimit:
        return replace(
            old,
            description=old.description if words is None else words,
            updated=context.current().now(),
        )

    new = finding.change(service, lambda old: changed(old, described(of(old, sid))))
    return shape(service, of(new, sid))


@bp.delete("/Services/<service>/RateLimits/<sid>")
def delete(service: str, sid: str) -> ResponseReturnValue:
    """End a limit, with its buckets."""
    finding.change(service, lambda old: _without(old, of(old, sid)))
    return "", HTTPStatus.NO_CONTENT


def of(service: Service, sid: str) -> RateLimit:
    """The limit of that sid.

    Raises:
        Problem: The service has none.
    """
    return finding.one(service.rate_limits, lambda limit: limit.sid == sid)


def changed(service: Service, new: RateLimit) -> Service:
    """*service*, with *new* in the place of the limit of the same sid."""
    limits = tuple(
        new if limit.sid == new.sid else limit for limit in service.rate_limits
    )
    return replace(service, rate_limits=limits)


def shape(service: str, limit: RateLimit) -> dict[str, Any]:
    """A RateLimit as Verify writes it."""
    path = ("Services", service, "RateLimits", limit.sid)
    return {
        "sid": limit.sid,
        "service_sid": service,
        "account_sid": g.account,
        "unique_name": limit.name,
        "description": limit.description,
        "date_created": dates.seconds(limit.created),
        "date_updated": dates.seconds(limit.updated),
        "url": urls.of(*path),
        "links": {"buckets": urls.of(*path, "Buckets")},
    }


def _name(given: str) -> str:
    if not _NAME.fullmatch(given):
        message = "Rate limit UniqueName format is invalid"
        raise errors.Problem(60209, HTTPStatus.BAD_REQUEST, message)
    return given


def _with(service: Service, limit: RateLimit) -> Service:
    if len(service.rate_limits) >= _MOST:
        message = "Max rate limits per service reached"
        raise errors.Problem(60207, HTTPStatus.BAD_REQUEST, message)
    if limit.name in {other.name for other in service.rate_limits}:
        message = "Rate limit with that UniqueName already exists"
        raise errors.Problem(60208, HTTPStatus.BAD_REQUEST, message)
    return replace(service, rate_limits=(*service.rate_limits, limit))


def _without(service: Service, gone: RateLimit) -> Service:
    limits = tuple(limit for limit in service.rate_limits if limit != gone)
    return replace(service, rate_limits=limits)
