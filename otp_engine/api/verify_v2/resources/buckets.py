"""`/v2/Services/{sid}/RateLimits/{sid}/Buckets`: the windows of a rate limit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from flask import Blueprint, g, request
from flask.typing import ResponseReturnValue

from otp_engine import parsing
from otp_engine.api import context
from otp_engine.api.verify_v2 import errors, lookup, params, wire
from otp_engine.api.verify_v2.pagination import paginate
from otp_engine.api.verify_v2.resources.rate_limits import (
    get_rate_limit,
    replace_rate_limit,
)
from otp_engine.domain.services import Bucket, RateLimit, Service

bp = Blueprint("buckets", __name__)

_LIST = "/Services/<service>/RateLimits/<limit>/Buckets"
_MAX_BUCKETS = 10
_parse_max = parsing.integer(1, 1_000_000)
_parse_interval = parsing.integer(1, 31 * 24 * 3600)


@bp.post(_LIST)
def create(service: str, limit: str) -> ResponseReturnValue:
    """Create a bucket; it counts later sends only."""
    form, now = params.parse(request), context.get_dependencies().utcnow()
    form.require("Max")
    form.require("Interval")
    bucket = Bucket(
        sid=wire.generate_sid("BL"),
        max=form.parse("Max", _parse_max) or 0,
        interval=timedelta(seconds=form.parse("Interval", _parse_interval) or 0),
        created_at=now,
        updated_at=now,
    )
    _update(service, limit, lambda old: _add(old, bucket))
    return serialize(service, limit, bucket), HTTPStatus.CREATED


@bp.get(_LIST)
def list_(service: str, limit: str) -> ResponseReturnValue:
    """Return the buckets of a rate limit."""
    return paginate(
        get_rate_limit(
            lookup.get_service(context.get_dependencies(), service), limit
        ).buckets,
        "buckets",
        serialize=lambda bucket: serialize(service, limit, bucket),
        name=lambda bucket: bucket.sid,
    )


@bp.get(f"{_LIST}/<sid>")
def fetch(service: str, limit: str, sid: str) -> ResponseReturnValue:
    """Return a bucket."""
    bucket = _get(
        get_rate_limit(lookup.get_service(context.get_dependencies(), service), limit),
        sid,
    )
    return serialize(service, limit, bucket)


@bp.post(f"{_LIST}/<sid>")
def update(service: str, limit: str, sid: str) -> ResponseReturnValue:
    """Change a bucket; it keeps its counts."""
    form, now = params.parse(request), context.get_dependencies().utcnow()
    max_hits = form.parse("Max", _parse_max)
    seconds = form.parse("Interval", _parse_interval)

    def updated(old: RateLimit) -> RateLimit:
        bucket = _get(old, sid)
        new = replace(
            bucket,
            max=max_hits or bucket.max,
            interval=timedelta(seconds=seconds) if seconds else bucket.interval,
            updated_at=now,
        )
        return _add(_remove(old, bucket), new)

    new = _update(service, limit, updated)
    return serialize(service, limit, _get(new, sid))


@bp.delete(f"{_LIST}/<sid>")
def delete(service: str, limit: str, sid: str) -> ResponseReturnValue:
    """Delete a bucket and its counts."""
    _update(service, limit, lambda old: _remove(old, _get(old, sid)))
    return "", HTTPStatus.NO_CONTENT


def serialize(service: str, limit: str, bucket: Bucket) -> dict[str, Any]:
    """Return the body of a bucket."""
    path = ("Services", service, "RateLimits", limit, "Buckets", bucket.sid)
    return {
        "sid": bucket.sid,
        "rate_limit_sid": limit,
        "service_sid": service,
        "account_sid": g.account,
        "max": bucket.max,
        "interval": int(bucket.interval.total_seconds()),
        "date_created": wire.format_seconds(bucket.created_at),
        "date_updated": wire.format_seconds(bucket.updated_at),
        "url": wire.resource_url(*path),
    }


def _update(
    service: str, limit: str, update: Callable[[RateLimit], RateLimit]
) -> RateLimit:
    """Store the result of *update* as a rate limit of a service, and return it."""

    def updated(old: Service) -> Service:
        return replace_rate_limit(old, update(get_rate_limit(old, limit)))

    return get_rate_limit(lookup.update_service(service, updated), limit)


def _get(limit: RateLimit, sid: str) -> Bucket:
    return lookup.first_or_404(limit.buckets, lambda bucket: bucket.sid == sid)


def _add(limit: RateLimit, bucket: Bucket) -> RateLimit:
    if len(limit.buckets) >= _MAX_BUCKETS:
        message = "Max Buckets per Rate limit reached"
        raise errors.TwilioApiError(60210, HTTPStatus.BAD_REQUEST, message)
    if bucket.interval in {other.interval for other in limit.buckets}:
        message = "Bucket with the given Interval already exists"
        raise errors.TwilioApiError(60211, HTTPStatus.BAD_REQUEST, message)
    return replace(limit, buckets=(*limit.buckets, bucket))


def _remove(limit: RateLimit, bucket: Bucket) -> RateLimit:
    others = tuple(other for other in limit.buckets if other.sid != bucket.sid)
    return replace(limit, buckets=others)
