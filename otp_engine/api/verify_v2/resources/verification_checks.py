"""`/v2/Services/{sid}/VerificationCheck`: check a code."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus

from flask import Blueprint, g, request
from flask.typing import ResponseReturnValue

from otp_engine.api import context
from otp_engine.api.context import Dependencies
from otp_engine.api.verify_v2 import (
    authentication,
    errors,
    lookup,
    params,
    verification_params,
)
from otp_engine.api.verify_v2.lookup import VerificationRef
from otp_engine.api.verify_v2.params import FormParams
from otp_engine.domain import codes
from otp_engine.domain.models import CheckRequest
from otp_engine.domain.services import Service
from otp_engine.errors import StoreUnavailable

bp = Blueprint("verification_checks", __name__)

_parse_sid = params.sid("VE")


@bp.post("/Services/<service>/VerificationCheck")
def create(service: str) -> ResponseReturnValue:
    """Check a code; a wrong one is a response with the status `pending`."""
    app, form = context.get_dependencies(), params.parse(request)
    verification = _find(app, form, lookup.get_service(app, service))
    g.phone = verification.address.masked
    check_request = CheckRequest(
        address=verification.address,
        code=codes.parse_custom(form.require("Code")),
        client_ip=authentication.client_ip(None),
        service=verification.service,
        verification_id=verification.id,
        bound_id=verification.bound,
        client_name=g.client_name,
    )
    result = app.engines.engine_for(verification.address).check(check_request)
    status = "approved" if result.approved else "pending"
    view = verification.view(app, result.verification_id, status, updated=app.utcnow())
    if result.channel:
        # The code can be of an earlier message than the last one.
        view = replace(view, channel=result.channel)
    body = view.to_check()
    if not result.approved:
        return body
    # The code is used up already, so a record that remains is no error.
    with suppress(StoreUnavailable):
        app.records.delete(result.verification_id)
    return body, HTTPStatus.OK, app.proof_header(verification.address, result)


def _find(app: Dependencies, form: FormParams, service: Service) -> VerificationRef:
    """Return the verification of `To`, or else of `VerificationSid`.

    An address finds no bound verification. With both parameters the SID finds it, and
    the address must be that of the verification, because the client approves it.
    """
    to, sid = form.get("To"), None
    address = verification_params.parse_address(app, to) if to else None
    if address is None or service.bind:
        sid = form.parse("VerificationSid", _parse_sid)
    if sid:
        verification = lookup.find_by_sid(app, sid, service)
        if address not in {None, verification.address}:
            raise errors.not_found()
        return verification
    if address:
        return VerificationRef(address, service)
    message = "No target verification specified"
    raise errors.TwilioApiError(60221, HTTPStatus.BAD_REQUEST, message)
