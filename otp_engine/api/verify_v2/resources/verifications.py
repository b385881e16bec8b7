"""`/v2/Services/{sid}/Verifications`: send, fetch, approve and cancel."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus

from flask import Blueprint, g, request
from flask.typing import ResponseReturnValue

from otp_engine import parsing
from otp_engine.api import context, response_headers
from otp_engine.api.context import Dependencies
from otp_engine.api.verify_v2 import errors, lookup, params, verification_params
from otp_engine.api.verify_v2.lookup import VerificationRef
from otp_engine.api.verify_v2.serializers import VerificationResource
from otp_engine.domain.email_addresses import EmailAddress
from otp_engine.domain.models import SendRequest, SendResult
from otp_engine.domain.verification_records import VerificationRecord
from otp_engine.errors import StoreUnavailable

bp = Blueprint("verifications", __name__)

_parse_status = parsing.choice(["approved", "canceled"])


@bp.post("/Services/<service>/Verifications")
def create(service: str) -> ResponseReturnValue:
    """Send a code: the first of a verification, or a resend."""
    app, form = context.get_dependencies(), params.parse(request)
    send_request = verification_params.parse(
        app, form, lookup.get_service(app, service)
    )
    g.phone = send_request.address.masked
    # The texts of errors name it.
    g.channel = send_request.channel
    result = _send(app, send_request)
    record = _add_record(app, send_request, result)
    if not result.confirmed:
        return errors.unconfirmed(result.verification_id)
    verification = VerificationRef(send_request.address, send_request.service, record)
    view = verification.view(app, result.verification_id, "pending")
    headers = response_headers.rate_limit_headers(result.limit_usage)
    return view.to_verification(), HTTPStatus.CREATED, headers


@bp.get("/Services/<service>/Verifications/<name>")
def fetch(service: str, name: str) -> ResponseReturnValue:
    """Return a verification that is pending or was canceled."""
    app = context.get_dependencies()
    verification = lookup.find_verification(app, name, lookup.get_service(app, service))
    g.phone = verification.address.masked
    record = verification.record
    if record and record.canceled_at:
        return verification.view(app, record.id, "canceled").to_verification()
    pending = verification.get_pending(app)
    is_bound = verification.bound is not None
    allowed = app.policy.checks_allowed(bound=is_bound)
    has_attempts = pending.attempts_used < allowed
    status = "pending" if has_attempts else "max_attempts_reached"
    return verification.view(app, pending.verification_id, status).to_verification()


@bp.post("/Services/<service>/Verifications/<name>")
def update(service: str, name: str) -> ResponseReturnValue:
    """Approve or cancel a verification."""
    app = context.get_dependencies()
    verification = lookup.find_verification(app, name, lookup.get_service(app, service))
    g.phone = verification.address.masked
    form = params.parse(request)
    form.require("Status")
    status = form.parse("Status", _parse_status) or ""
    pending = verification.get_pending(app)
    # Approving deletes the record, so the view is read first.
    view = verification.view(app, pending.verification_id, status, updated=app.utcnow())
    close = _approve if status == "approved" else _cancel
    close(app, verification, view)
    return view.to_verification()


def _approve(
    app: Dependencies, verification: VerificationRef, view: VerificationResource
) -> None:
    address = verification.address
    app.engines.engine_for(address).approve(
        address,
        verification.service,
        view.id,
        verification.bound,
        channel=view.channel,
    )
    with suppress(StoreUnavailable):
        app.records.delete(view.id)


def _cancel(
    app: Dependencies, verification: VerificationRef, view: VerificationResource
) -> None:
    address = verification.address
    app.engines.engine_for(address).cancel(
        address, verification.service, view.id, verification.bound
    )
    with suppress(StoreUnavailable):
        app.records.mark_canceled(view.id, at=view.updated, ttl=app.policy.ttl)


def _send(app: Dependencies, send_request: SendRequest) -> SendResult:
    address = send_request.address
    engine = app.engines.engine_for(address)
    if isinstance(address, EmailAddress):
        return engine.send(send_request)
    # The safe list costs a Redis command, and few numbers need it.
    is_allowed = engine.destinations.includes(address)
    geo_exempt = not is_allowed and app.safe_numbers.contains(address)
    return engine.send(replace(send_request, geo_exempt=geo_exempt))


def _add_record(
    app: Dependencies, send_request: SendRequest, result: SendResult
) -> VerificationRecord:
    """Store the send for later requests that name the verification by its SID."""
    record = VerificationRecord.from_send(
        send_request, result, pepper=app.peppers[0], at=app.utcnow()
    )
    # The message is sent already, so the response is a success without a record, too.
    with suppress(StoreUnavailable):
        return app.records.add_send(record, send_id=result.send_id, ttl=app.policy.ttl)
    return record
