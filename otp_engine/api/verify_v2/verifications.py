"""`/v2/Services/{sid}/Verifications`: send a code, look, close."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus

from flask import Blueprint, g, request
from flask.typing import ResponseReturnValue

from otp_engine.api import context, quotas
from otp_engine.api.verify_v2 import (
    errors,
    finding,
    parameters,
    safe_list,
    telling,
    wanted,
)
from otp_engine.api.verify_v2.telling import Found
from otp_engine.domain.record import Attempt, Record, encrypt_number
from otp_engine.domain.verification import Asked, Sent
from otp_engine.errors import StoreUnavailable

bp = Blueprint("verifications", __name__)


@bp.post("/Services/<service>/Verifications")
def create(service: str) -> ResponseReturnValue:
    """Send a code: the first of a verification, or another."""
    asked = wanted.read(parameters.read(request), finding.service(service))
    g.phone = asked.number.masked
    sent = _send(asked)
    record = _note(asked, sent.id, sent.token)
    if not sent.confirmed:
        return errors.unconfirmed(sent.id)
    told = Found(asked.number, asked.service, record).tell(sent.id, "pending")
    return told.shape(), HTTPStatus.CREATED, quotas.of_sent(sent.uses)


@bp.get("/Services/<service>/Verifications/<name>")
def fetch(service: str, name: str) -> ResponseReturnValue:
    """Say how a verification stands; one that is over is only known if cancelled."""
    found = telling.by_name(name, finding.service(service))
    g.phone = found.number.masked
    if found.record and found.record.cancelled:
        return found.tell(found.record.id, "canceled").shape()
    waiting = found.waiting()
    spent = waiting.guesses >= context.current().policy.max_checks
    return found.tell(
        waiting.id, "max_attempts_reached" if spent else "pending"
    ).shape()


@bp.post("/Services/<service>/Verifications/<name>")
def update(service: str, name: str) -> ResponseReturnValue:
    """Close a verification, as `canceled` or as `approved`."""
    found = telling.by_name(name, finding.service(service))
    g.phone = found.number.masked
    status = parameters.read(request).required("Status")
    if status not in _CLOSE:
        raise errors.invalid("Status")
    waiting = found.waiting()
    now = context.current().now()
    told = found.tell(waiting.id, status, updated=now)
    _CLOSE[status](found, waiting.id)
    return told.shape()


def _approve(found: Found, id: bytes) -> None:
    here = context.current()
    here.engine_for(found.number).approve(found.number, found.service, id, found.bound)
    with suppress(StoreUnavailable):
        here.records.forget(id)


def _cancel(found: Found, id: bytes) -> None:
    here = context.current()
    here.engine_for(found.number).cancel(found.number, found.service, id, found.bound)
    with suppress(StoreUnavailable):
        here.records.cancelled(id, life=here.policy.ttl)


_CLOSE: dict[str, Callable[[Found, bytes], None]] = {
    "approved": _approve,
    "canceled": _cancel,
}


def _send(asked: Asked) -> Sent:
    engine = context.current().engine_for(asked.number)
    # The list is in Redis, and most numbers are served without it.
    is_served = engine.served.has(asked.number.country)
    trusted = not is_served and safe_list.has(asked.number)
    return engine.send(replace(asked, trusted=trusted))


def _note(asked: Asked, id: bytes, token: bytes) -> Record:
    """Store what clients may ask about a verification by its sid."""
    here = context.current()
    record = Record(
        id=id,
        service=asked.service.sid,
        encrypted_number=encrypt_number(
            asked.number.e164, here.peppers[0], verification=id
        ),
        channel=asked.channel,
        attempts=(Attempt(token, here.now(), asked.channel),),
        bound=asked.bind,
    )
    # Without it, the message has left all the same: that is what must be said.
    with suppress(StoreUnavailable):
        record = here.records.note(record, token=token, life=here.policy.ttl)
    return record
