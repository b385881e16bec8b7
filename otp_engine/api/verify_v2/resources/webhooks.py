"""`/v2/Services/{sid}/Webhooks`: URLs that notices of factors are posted to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from flask import Blueprint, g, request
from flask.typing import ResponseReturnValue

from otp_engine import parsing
from otp_engine.api import context
from otp_engine.api.verify_v2 import errors, lookup, params, wire
from otp_engine.api.verify_v2.pagination import paginate
from otp_engine.domain.factors.notices import NoticeType
from otp_engine.domain.services import ALL_EVENTS, Service, Webhook

bp = Blueprint("webhooks", __name__)

_LIST = "/Services/<service>/Webhooks"
_MAX_WEBHOOKS = 10
_EVENT_TYPES = (ALL_EVENTS, *NoticeType)
_parse_line = params.single_line(64)
_REQUIRED = ("FriendlyName", "EventTypes", "WebhookUrl")


@bp.post(_LIST)
def create(service: str) -> ResponseReturnValue:
    """Create a webhook."""
    now = context.get_dependencies().utcnow()
    webhook = Webhook(
        sid=wire.generate_sid("YW"),
        **_parse(required=_REQUIRED),
        created_at=now,
        updated_at=now,
    )
    headers = _secret_header(webhook.sid)
    lookup.update_service(service, lambda old: _add(old, webhook))
    return serialize(service, webhook), HTTPStatus.CREATED, headers


@bp.get(_LIST)
def list_(service: str) -> ResponseReturnValue:
    """Return the webhooks of a service."""
    return paginate(
        lookup.get_service(context.get_dependencies(), service).webhooks,
        "webhooks",
        serialize=lambda webhook: serialize(service, webhook),
        name=lambda webhook: webhook.sid,
    )


@bp.get(f"{_LIST}/<sid>")
def fetch(service: str, sid: str) -> ResponseReturnValue:
    """Return a webhook."""
    stored = lookup.get_service(context.get_dependencies(), service)
    return serialize(service, _get(stored, sid)), _secret_header(sid)


@bp.post(f"{_LIST}/<sid>")
def update(service: str, sid: str) -> ResponseReturnValue:
    """Change a webhook."""
    values, now = _parse(), context.get_dependencies().utcnow()

    def updated(old: Service) -> Service:
        changed = replace(_get(old, sid), **values, updated_at=now)
        webhooks = (changed if each.sid == sid else each for each in old.webhooks)
        return replace(old, webhooks=tuple(webhooks))

    new = lookup.update_service(service, updated)
    return serialize(service, _get(new, sid)), _secret_header(sid)


@bp.delete(f"{_LIST}/<sid>")
def delete(service: str, sid: str) -> ResponseReturnValue:
    """Delete a webhook; what waits for it is not posted."""
    lookup.update_service(service, lambda old: _remove(old, _get(old, sid)))
    return "", HTTPStatus.NO_CONTENT


def serialize(service: str, webhook: Webhook) -> dict[str, Any]:
    """Return the body of a webhook."""
    return {
        "sid": webhook.sid,
        "service_sid": service,
        "account_sid": g.account,
        "friendly_name": webhook.name,
        "event_types": list(webhook.event_types),
        "status": "enabled" if webhook.enabled else "disabled",
        "version": webhook.version,
        "webhook_url": webhook.url,
        "webhook_method": "POST",
        "date_created": wire.format_seconds(webhook.created_at),
        "date_updated": wire.format_seconds(webhook.updated_at),
        "url": wire.resource_url("Services", service, "Webhooks", webhook.sid),
    }


def _secret_header(sid: str) -> dict[str, str]:
    """Return the header with the secret that signs the posts, where it is known."""
    webhook_secret = context.get_dependencies().webhook_secret
    return {"OTP-Webhook-Secret": webhook_secret(sid)} if webhook_secret else {}


def _parse(*, required: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the fields of `Webhook` that the request has.

    Args:
        required: The parameters that must be present.

    Raises:
        TwilioApiError: A parameter is missing or not valid.
    """
    form = params.parse(request, lists=["EventTypes"])
    parsers: Mapping[str, tuple[str, Callable[[str], object]]] = {
        "FriendlyName": ("name", _parse_name),
        "EventTypes": ("event_types", _parse_event_types),
        "WebhookUrl": ("url", context.get_dependencies().parse_webhook_url),
        "Status": ("enabled", _parse_status),
        "Version": ("version", parsing.choice(["v1", "v2"])),
    }
    values: dict[str, Any] = {}
    for parameter, (name, parser) in parsers.items():
        text = form.get(parameter)
        if text is None and parameter not in required:
            continue
        try:
            values[name] = parser(text or "")
        except ValueError:
            raise _invalid(f"Invalid Request: {parameter}") from None
    return values


def _parse_name(text: str) -> str:
    if not text:
        raise ValueError("must not be empty")
    return _parse_line(text)


def _parse_status(text: str) -> bool:
    return parsing.choice(["enabled", "disabled"])(text) == "enabled"


def _parse_event_types(text: str) -> tuple[str, ...]:
    found = dict.fromkeys(parsing.comma_separated(text))
    if not found or not found.keys() <= set(_EVENT_TYPES):
        raise ValueError(f"must have only {', '.join(_EVENT_TYPES)}")
    return tuple(found)


def _get(service: Service, sid: str) -> Webhook:
    return lookup.first_or_404(service.webhooks, lambda webhook: webhook.sid == sid)


def _add(service: Service, webhook: Webhook) -> Service:
    if len(service.webhooks) >= _MAX_WEBHOOKS:
        raise _invalid("Invalid Request: Max Webhooks per Service reached")
    return replace(service, webhooks=(*service.webhooks, webhook))


def _remove(service: Service, webhook: Webhook) -> Service:
    others = tuple(other for other in service.webhooks if other != webhook)
    return replace(service, webhooks=others)


def _invalid(message: str) -> errors.TwilioApiError:
    return errors.TwilioApiError(60306, HTTPStatus.BAD_REQUEST, message)
