"""The JSON API: `POST /auth/send_otp` and `POST /auth/verify_otp`.

Each view parses the request, calls the engine and builds the response.
`otp_engine.api.responses` turns every error into a response.
"""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, g, request
from flask.typing import ResponseReturnValue

from otp_engine import parsing
from otp_engine.api import body as request_body
from otp_engine.api import context, error_handlers, rate_limit_headers
from otp_engine.api.authentication import Client
from otp_engine.api.body import Body
from otp_engine.api.context import AppContext
from otp_engine.domain import codes
from otp_engine.domain.handles import Handle
from otp_engine.domain.models import Channel, CheckRequest, SendRequest
from otp_engine.domain.phones.numbers import PhoneNumber
from otp_engine.errors import InvalidRequest

bp = Blueprint("auth", __name__, url_prefix="/auth")


@bp.post("/send_otp")
def send_otp() -> ResponseReturnValue:
    """Send a code to a phone."""
    api = context.get_context()
    client, body = _identify(api), request_body.parse(request)
    handle = _handle(api, body)
    asked = SendRequest(
        number=handle.number if handle else _number(api, body),
        channel=_channel(body),
        locale=_locale(body),
        client_ip=client.client_ip(request, body.get_text("client_ip")),
        service=api.service,
        client=client.name,
        bind=handle is None and body.get_flag("bind"),
        bound_id=handle.verification_id if handle else None,
    )
    g.bound = asked.number if asked.bind or asked.bound_id else None
    sent = api.engine_for(asked.number).send(asked)
    headers = error_handlers.send_headers(sent) | api.handle_header(
        sent.verification_id
    )
    if not sent.confirmed:
        return error_handlers.delivery_unconfirmed(headers)
    headers |= rate_limit_headers.for_send(sent.limit_usage)
    answer = {"message": "OTP sent successfully.", "VerificationStatus": "pending"}
    return answer, HTTPStatus.CREATED, headers


@bp.post("/verify_otp")
def verify_otp() -> ResponseReturnValue:
    """Check a code, and return whether it was right."""
    api = context.get_context()
    client, body = _identify(api), request_body.parse(request)
    handle = _handle(api, body)
    guess = CheckRequest(
        number=handle.number if handle else _number(api, body),
        code=codes.parse(body.require_text("otp")),
        client_ip=client.client_ip(request, body.get_text("client_ip")),
        bound_id=handle.verification_id if handle else None,
        client=client.name,
    )
    checked = api.engine_for(guess.number).check(guess)
    if checked.approved:
        answer = {"VerificationStatus": "approved"}
        return answer, HTTPStatus.CREATED, api.proof_header(guess.number, checked)
    headers = error_handlers.failed_check_headers(checked.expires_in)
    headers["OTP-Attempts-Left"] = str(checked.attempts_remaining)
    return {"VerificationStatus": "pending"}, HTTPStatus.CREATED, headers


@bp.post("/cancel_otp")
def cancel_otp() -> ResponseReturnValue:
    """Close a bound verification without an approval."""
    api = context.get_context()
    _identify(api)
    handle = _handle(api, request_body.parse(request))
    if handle is None:
        raise InvalidRequest("'verification' is missing.")
    bound = handle.verification_id
    api.engine_for(handle.number).cancel(handle.number, api.service, bound, bound)
    return {"VerificationStatus": "canceled"}, HTTPStatus.OK


def _identify(api: AppContext) -> Client:
    """Return the client, and leave its name for the request log."""
    client = api.authenticator.authenticate(request)
    g.caller = client.name
    return client


def _number(api: AppContext, body: Body) -> PhoneNumber:
    number = api.sandbox_numbers.parse(body.require_text("phone"), api.default_region)
    g.phone = number.masked
    return number


def _handle(api: AppContext, body: Body) -> Handle | None:
    """Parse the handle of a bound verification.

    Returns:
        None if the request has no handle.

    Raises:
        InvalidRequest: The request also names another phone.
        VerificationNotFound: It is not a handle.
    """
    if (text := body.get_text("verification")) is None:
        return None
    handle = api.parse_handle(text)
    g.phone = handle.number.masked
    phone = body.get_text("phone")
    if phone is not None and _number(api, body) != handle.number:
        raise InvalidRequest("'verification' belongs to another phone.")
    return handle


def _channel(body: Body) -> Channel:
    name = body.get_text("channel")
    if name is None:
        return Channel.SMS
    if name not in set(Channel):
        raise InvalidRequest(f"'channel' must be one of: {', '.join(Channel)}.")
    return Channel(name)


def _locale(body: Body) -> str | None:
    if (text := body.get_text("locale")) is None:
        return None
    try:
        return parsing.language_tag(text)
    except ValueError:
        # Logs and events repeat the locale, so any other text must not reach them.
        message = "'locale' must be a language tag, such as en or pt-BR."
        raise InvalidRequest(message) from None
