"""`/v2/Services/{sid}/Verifications`: send, fetch, approve and cancel."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus

from flask import Blueprint, g, request
from flask.typing import ResponseReturnValue

from otp_engine import parsing
from otp_engine.api import context, quotas
from otp_engine.api.context import Context
from otp_engine.api.verify_v2 import errors, lookup, params, verification_params
from otp_engine.api.verify_v2.lookup import VerificationRef
from otp_engine.api.verify_v2.resources import safe_list
from otp_engine.domain.record import Attempt, Record, encrypt_number
from otp_engine.domain.verification import Asked, Sent
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
    app = context.current()
    sent = _send(app, asked)
    record = _add_record(app, asked, sent.id, sent.token)
    if not sent.confirmed:
        return errors.unconfirmed(sent.id)
    view = VerificationRef(asked.number, asked.service, record).view(sent.id, "pending")
    return view.to_verification(), HTTPStatus.CREATED, quotas.of_sent(sent.uses)


@bp.get("/Services/<service>/Verifications/<name>")
def fetch(service: str, name: str) -> ResponseReturnValue:
    """Return a verification that is pending or was canceled."""
    verification = lookup.find_verification(name, lookup.get_service(service))
    g.phone = verification.number.masked
    record = verification.record
    if record and record.cancelled:
        return verification.view(record.id, "canceled").to_verification()
    pending = verification.get_pending()
    exhausted = pending.guesses >= context.current().policy.max_checks
    status = "max_attempts_reached" if exhausted else "pending"
    return verification.view(pending.id, status).to_verification()


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
    view = verification.view(pending.id, status, updated=context.current().now())
    close = _approve if status == "approved" else _cancel
    close(verification, pending.id)
    return view.to_verification()


def _approve(verification: VerificationRef, id: bytes) -> None:
    app, number, service = context.current(), verification.number, verification.service
    app.engine_for(number).approve(number, service, id, verification.bound)
    with suppress(StoreUnavailable):
        app.records.forget(id)


def _cancel(verification: VerificationRef, id: bytes) -> None:
    app, number, service = context.current(), verification.number, verification.service
    app.engine_for(number).cancel(number, service, id, verification.bound)
    with suppress(StoreUnavailable):
        app.records.cancelled(id, life=app.policy.ttl)


def _send(app: Context, asked: Asked) -> Sent:
    engine = app.engine_for(asked.number)
    # The safe list costs a Redis command, and few numbers need it.
    is_served = engine.served.has(asked.number.country)
    trusted = not is_served and safe_list.contains(asked.number)
    return engine.send(replace(asked, trusted=trusted))


def _add_record(app: Context, asked: Asked, id: bytes, send_id: bytes) -> Record:
    """Store the send for later requests that name the verification by its SID."""
    record = Record(
        id=id,
        service=asked.service.sid,
        encrypted_number=encrypt_number(
            asked.number.e164, app.peppers[0], verification=id
        ),
        channel=asked.channel,
        attempts=(Attempt(send_id, app.now(), asked.channel),),
        bound=asked.bind,
    )
    # The message is sent already, so the response is a success without a record, too.
    with suppress(StoreUnavailable):
        record = app.records.note(record, token=send_id, life=app.policy.ttl)
    return record
