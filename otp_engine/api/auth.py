"""The JSON API: `POST /auth/send_otp` and `POST /auth/verify_otp`.

A view does three things and no fourth: read the request, call the engine, shape the
answer. Errors are left to fly; `otp_engine.api.responses` catches them all.
"""

from __future__ import annotations

import re
from http import HTTPStatus

from flask import Blueprint, g, request
from flask.typing import ResponseReturnValue

from otp_engine.api import context, fields, quotas, responses
from otp_engine.api.callers import Caller
from otp_engine.api.fields import Fields
from otp_engine.domain import codes
from otp_engine.domain.handles import Handle
from otp_engine.domain.phone import PhoneNumber
from otp_engine.domain.verification import Asked, Channel, Guess
from otp_engine.errors import InvalidRequest

bp = Blueprint("auth", __name__, url_prefix="/auth")

_LONGEST_LOCALE = 35  # BCP 47, section 4.4.1
_LOCALE = re.compile(r"[A-Za-z]{2,8}(?:[-_][A-Za-z0-9]{1,8})*", re.ASCII)


@bp.post("/send_otp")
def send_otp() -> ResponseReturnValue:
    """Put a code on a phone."""
    caller, given = _caller(), fields.read(request)
    handle = _handle(given)
    asked = Asked(
        number=handle.number if handle else _number(given),
        channel=_channel(given),
        locale=_locale(given),
        address=caller.address_of_person(request, given.optional_text("client_ip")),
        service=context.current().service,
        client=caller.name,
        bind=handle is None and given.flag("bind"),
        bound=handle.verification if handle else None,
    )
    g.bound = asked.number if asked.bind or asked.bound else None
    sent = context.current().engine_for(asked.number).send(asked)
    if not sent.confirmed:
        return responses.unconfirmed(sent)
    body = {"message": "OTP sent successfully.", "VerificationStatus": "pending"}
    headers = responses.timing(
        expires_in=sent.expires_in, resend_after=sent.resend_after
    )
    headers |= quotas.of_sent(sent.uses)
    headers |= context.current().handle_of(sent.id)
    return body, HTTPStatus.CREATED, headers


@bp.post("/verify_otp")
def verify_otp() -> ResponseReturnValue:
    """Spend one guess, and say whether it was right."""
    caller, given = _caller(), fields.read(request)
    handle = _handle(given)
    guess = Guess(
        number=handle.number if handle else _number(given),
        code=codes.read(given.text("otp")),
        address=caller.address_of_person(request, given.optional_text("client_ip")),
        bound=handle.verification if handle else None,
        client=caller.name,
    )
    checked = context.current().engine_for(guess.number).check(guess)
    if checked.approved:
        body = {"VerificationStatus": "approved"}
        return body, HTTPStatus.CREATED, context.current().proven(guess.number, checked)
    headers = responses.time_left(checked.expires_in)
    headers["OTP-Attempts-Left"] = str(checked.attempts_left)
    return {"VerificationStatus": "pending"}, HTTPStatus.CREATED, headers


@bp.post("/cancel_otp")
def cancel_otp() -> ResponseReturnValue:
    """Close a bound verification without an approval."""
    _caller()
    here, handle = context.current(), _handle(fields.read(request))
    if handle is None:
        raise InvalidRequest("'verification' is missing.")
    here.engine_for(handle.number).cancel(
        handle.number, here.service, handle.verification, handle.verification
    )
    return {"VerificationStatus": "canceled"}, HTTPStatus.OK


def _caller() -> Caller:
    caller = context.current().callers.identify(request)
    g.caller = caller.name
    return caller


def _number(given: Fields) -> PhoneNumber:
    here = context.current()
    number = here.numbers.read(given.text("phone"), here.region)
    g.phone = number.masked
    return number


def _handle(given: Fields) -> Handle | None:
    """Read the handle of the bound verification that a client means.

    Raises:
        InvalidRequest: The request names another phone as well.
        VerificationNotFound: It is not a handle.
    """
    if (text := given.optional_text("verification")) is None:
        return None
    handle = context.current().handle(text)
    g.phone = handle.number.masked
    typed = given.optional_text("phone")
    if typed is not None and _number(given) != handle.number:
        raise InvalidRequest("'verification' belongs to another phone.")
    return handle


def _channel(given: Fields) -> Channel:
    name = given.optional_text("channel")
    if name is None:
        return Channel.SMS
    if name not in set(Channel):
        raise InvalidRequest(f"'channel' must be one of: {', '.join(Channel)}.")
    return Channel(name)


def _locale(given: Fields) -> str | None:
    locale = given.optional_text("locale")
    # Whatever else is written there is nothing that a log or an event should repeat.
    if locale and not (len(locale) <= _LONGEST_LOCALE and _LOCALE.fullmatch(locale)):
        raise InvalidRequest("'locale' must be a language tag, such as en or pt-BR.")
    return locale
