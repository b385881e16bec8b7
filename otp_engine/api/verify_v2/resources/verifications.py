"""`/v2/Services/{sid}/Verifications`: send, fetch, approve and cancel."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus

from flask import Blueprint, g, request
from flask.typing import ResponseReturnValue

from otp_engine import parsing
from otp_engine.api import context, rate_limit_headers
from otp_engine.api.context import AppContext
from otp_engine.api.verify_v2 import errors, lookup, params, verification_params
from otp_engine.api.verify_v2.lookup import VerificationRef
from otp_engine.api.verify_v2.resources import safe_list
from otp_engine.domain.models import SendRequest, SendResult
from otp_engine.domain.records import SendAttempt, VerificationRecord, encrypt_number
from otp_engine.errors import StoreUnavailable

bp = Blueprint("verifications", __name__)

_parse_status = parsing.choice(["approved", "canceled"])


@bp.post("/Services/<service>/Verifications")
def create(service: str) -> ResponseReturnValue:
    """Send a code: the first of a verification, or a resend."""
    asked = verification_params.parse(
        params.parse(request), lookup.get_service(service)
    )
    g.phone = asked.number.masked
    app = context.get_context()
    sent = _send(app, asked)
    record = _add_record(app, asked, sent.verification_id, sent.send_id)
    if not sent.confirmed:
        return errors.unconfirmed(sent.verification_id)
    view = VerificationRef(asked.number, asked.service, record).view(
        sent.verification_id, "pending"
    )
    return (
        view.to_verification(),
        HTTPStatus.CREATED,
        rate_limit_headers.for_send(sent.limit_usage),
    )


@bp.get("/Services/<service>/Verifications/<name>")
def fetch(service: str, name: str) -> ResponseReturnValue:
    """Return a verification that is pending or was canceled."""
    verification = lookup.find_verification(name, lookup.get_service(service))
    g.phone = verification.number.masked
    record = verification.record
    if record and record.canceled:
        return verification.view(record.id, "canceled").to_verification()
    pending = verification.get_pending()
    exhausted = pending.attempts_used >= context.get_context().policy.max_checks
    status = "max_attempts_reached" if exhausted else "pending"
    return verification.view(pending.verification_id, status).to_verification()


@bp.post("/Services/<service>/Verifications/<name>")
def update(service: str, name: str) -> ResponseReturnValue:
    """Approve or cancel a verification."""
    verification = lookup.find_verification(name, lookup.get_service(service))
    g.phone = verification.number.masked
    form = params.parse(request)
    form.require("Status")
    status = form.parse("Status", _parse_status) or ""
    pending = verification.get_pending()
    # Approving deletes the record, so the view is read first.
    view = verification.view(
        pending.verification_id, status, updated=context.get_context().utcnow()
    )
    close = _approve if status == "approved" else _cancel
    close(verification, pending.verification_id)
    return view.to_verification()


def _approve(verification: VerificationRef, id: bytes) -> None:
    app, number, service = (
        context.get_context(),
        verification.number,
        verification.service,
    )
    app.engine_for(number).approve(number, service, id, verification.bound)
    with suppress(StoreUnavailable):
        app.records.delete(id)


def _cancel(verification: VerificationRef, id: bytes) -> None:
    app, number, service = (
        context.get_context(),
        verification.number,
        verification.service,
    )
    app.engine_for(number).cancel(number, service, id, verification.bound)
    with suppress(StoreUnavailable):
        app.records.mark_canceled(id, ttl=app.policy.ttl)


def _send(app: AppContext, asked: SendRequest) -> SendResult:
    engine = app.engine_for(asked.number)
    # The safe list costs a Redis command, and few numbers need it.
    is_served = engine.destinations.includes(asked.number.country)
    trusted = not is_served and safe_list.contains(asked.number)
    return engine.send(replace(asked, geo_exempt=trusted))


def _add_record(
    app: AppContext, asked: SendRequest, id: bytes, send_id: bytes
) -> VerificationRecord:
    """Store the send for later requests that name the verification by its SID."""
    record = VerificationRecord(
        id=id,
        service=asked.service.sid,
        encrypted_number=encrypt_number(
            asked.number.e164, app.peppers[0], verification_id=id
        ),
        channel=asked.channel,
        attempts=(SendAttempt(send_id, app.utcnow(), asked.channel),),
        bound=asked.bind,
    )
    # The message is sent already, so the response is a success without a record, too.
    with suppress(StoreUnavailable):
        record = app.records.add_send(record, send_id=send_id, ttl=app.policy.ttl)
    return record
