"""`/v2/Services/{sid}/VerificationCheck`: is this the code?"""

from __future__ import annotations

from contextlib import suppress
from http import HTTPStatus

from flask import Blueprint, g, request
from flask.typing import ResponseReturnValue

from otp_engine.api import context
from otp_engine.api.verify_v2 import (
    accounts,
    errors,
    finding,
    parameters,
    sids,
    telling,
)
from otp_engine.api.verify_v2.parameters import Parameters
from otp_engine.api.verify_v2.telling import Found
from otp_engine.domain import codes
from otp_engine.domain.service import Service
from otp_engine.domain.verification import Guess
from otp_engine.errors import StoreUnavailable

bp = Blueprint("checks", __name__)


@bp.post("/Services/<service>/VerificationCheck")
def create(service: str) -> ResponseReturnValue:
    """Spend one guess; a wrong one is no error."""
    here, given = context.current(), parameters.read(request)
    found = _found(given, finding.service(service))
    g.phone = found.number.masked
    code = codes.read_custom(given.required("Code"))
    guess = Guess(
        number=found.number,
        code=code,
        address=accounts.address(None),
        service=found.service,
        verification=found.id,
        bound=found.bound,
        client=g.caller,
    )
    checked = here.engine_for(found.number).check(guess)
    status = "approved" if checked.approved else "pending"
    told = found.tell(checked.id, status, updated=here.now())
    if not checked.approved:
        return told.shape_of_check()
    # Whatever becomes of the record, the code has been used up.
    with suppress(StoreUnavailable):
        here.records.forget(checked.id)
    return told.shape_of_check(), HTTPStatus.OK, here.proven(found.number, checked)


def _found(given: Parameters, service: Service) -> Found:
    if to := given.text("To"):
        return telling.by_to(to, service)
    sid = given.text("VerificationSid")
    if sid is None:
        message = "No target verification specified"
        raise errors.Problem(60221, HTTPStatus.BAD_REQUEST, message)
    if not sids.is_one(sid, "VE"):
        raise errors.invalid("VerificationSid")
    return telling.by_sid(sid, service)
