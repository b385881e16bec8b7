"""`/v2/Services/{sid}/RateLimits/{sid}/Buckets`: how many, in how long."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
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
    rate_limits,
    sids,
    urls,
)
from otp_engine.domain.service import Bucket, RateLimit

bp = Blueprint("buckets", __name__)

_LIST = "/Services/<service>/RateLimits/<limit>/Buckets"
_MOST = 10
_MAX = parameters.whole(1, 1_000_000)
_INTERVAL = parameters.whole(1, 31 * 24 * 3600)


@bp.post(_LIST)
def create(service: str, limit: str) -> ResponseReturnValue:
    """Add a bucket; it counts from now on."""
    given, now = parameters.read(request), context.current().now()
    given.required("Max")
    given.required("Interval")
    bucket = Bucket(
        sid=sids.new("BL"),
        most=given.read("Max", _MAX) or 0,
        interval=timedelta(seconds=given.read("Interval", _INTERVAL) or 0),
        created=now,
        updated=now,
    )
    _change(service, limit, lambda old: _with(old, bucket))
    return _shape(service, limit, bucket), HTTPStatus.CREATED


@bp.get(_LIST)
def page(service: str, limit: str) -> ResponseReturnValue:
    """List the buckets of a limit."""
    return pages.of(
        rate_limits.of(finding.service(service), limit).buckets,
        "buckets",
        shape=lambda one: _shape(service, limit, one),
        name=lambda one: one.sid,
    )


@bp.get(f"{_LIST}/<sid>")
def fetch(service: str, limit: str, sid: str) -> ResponseReturnValue:
    """Say what a bucket is like."""
    found = _of(rate_limits.of(finding.service(service), limit), sid)
    return _shape(service, limit, found)


@bp.post(f"{_LIST}/<sid>")
def update(service: str, limit: str, sid: str) -> ResponseReturnValue:
    """Change a bucket; what it has counted stays counted."""
    given = parameters.read(request)
    most, seconds = given.read("Max", _MAX), given.read("Interval", _INTERVAL)

    def turned(old: RateLimit) -> RateLimit:
        bucket = _of(old, sid)
        new = replace(
            bucket,
            most=most or bucket.most,
            interval=timedelta(seconds=seconds) if seconds else bucket.interval,
            updated=context.current().now(),
        )
        return _with(_without(old, bucket), new)

    new = _change(service, limit, turned)
    return _shape(service, limit, _of(new, sid))


@bp.delete(f"{_LIST}/<sid>")
def delete(service: str, limit: str, sid: str) -> ResponseReturnValue:
    """Remove a bucket, and what it has counted counts no more."""
    _change(service, limit, lambda old: _without(old, _of(old, sid)))
    return "", HTTPStatus.NO_CONTENT


def _change(
    service: str, limit: str, make: Callable[[RateLimit], RateLimit]
) -> RateLimit:
    new = finding.change(
        service,
        lambda old: rate_limits.changed(old, make(rate_limits.of(old, limit))),
    )
    return rate_limits.of(new, limit)


def _of(limit: RateLimit, sid: str) -> Bucket:
    return finding.one(limit.buckets, lambda bucket: bucket.sid == sid)


def _with(limit: RateLimit, bucket: Bucket) -> RateLimit:
    if len(limit.buckets) >= _MOST:
        message = "Max Buckets per Rate limit reached"
        raise errors.Problem(60210, HTTPStatus.BAD_REQUEST, message)
    if bucket.interval in {other.interval for other in limit.buckets}:
        message = "Bucket with the given Interval already exists"
        raise errors.Problem(60211, HTTPStatus.BAD_REQUEST, message)
    return replace(limit, buckets=(*limit.buckets, bucket))


def _without(limit: RateLimit, gone: Bucket) -> RateLimit:
    buckets = tuple(bucket for bucket in limit.buckets if bucket.sid != gone.sid)
    return replace(limit, buckets=buckets)


def _shape(service: str, limit: str, bucket: Bucket) -> dict[str, Any]:
    path = ("Services", service, "RateLimits", limit, "Buckets", bucket.sid)
    return {
        "sid": bucket.sid,
        "rate_limit_sid": limit,
        "service_sid": service,
        "account_sid": g.account,
        "max": bucket.most,
        "interval": int(bucket.interval.total_seconds()),
        "date_created": dates.seconds(bucket.created),
        "date_updated": dates.seconds(bucket.updated),
        "url": urls.of(*path),
    }
