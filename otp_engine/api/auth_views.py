"""The JSON API: `POST /auth/send_otp`, `verify_otp` and `cancel_otp`.

Each view parses the request, calls the engine and builds the response. It validates
a field after the fields before it, so that a request with two faults always gets the
error of the first one.
`otp_engine.api.error_handlers` builds the response to every error.
"""

from __future__ import annotations

from functools import partial
from http import HTTPStatus

from flask import Blueprint, Request, g
from flask.globals import request_ctx
from flask.typing import ResponseReturnValue

from otp_engine import parsing
from otp_engine.api import body as request_body
from otp_engine.api import context, error_handlers, response_headers
from otp_engine.api.authentication import Client
from otp_engine.api.body import Body
from otp_engine.api.context import Dependencies
from otp_engine.domain import codes, email_addresses
from otp_engine.domain.addresses import Address
from otp_engine.domain.email_addresses import EmailAddress
from otp_engine.domain.factors import identities
from otp_engine.domain.factors.authenticators import ApprovalMethod
from otp_engine.domain.models import Channel, CheckRequest, SendRequest
from otp_engine.domain.verification_handles import VerificationHandle
from otp_engine.errors import InvalidRequest

_AUTO = "auto"

bp = Blueprint("auth", __name__, url_prefix="/auth")


@bp.post("/send_otp")
def send_otp() -> ResponseReturnValue:
    """Send a code to a phone, or to an e-mail address."""
    api, request = context.get_dependencies(), request_ctx.request
    client, body = _authenticate(api, request), request_body.parse(request)
    handle = _handle(api, body)
    address = handle.address if handle else _address(api, body)
    channel, locale = body.get_text("channel"), body.get_text("locale")
    stated_ip = body.get_text("client_ip")
    send_request = SendRequest(
        address=address,
        channel=_channel(api, address, channel) if channel else None,
        locale=_locale(locale) if locale else None,
        client_ip=client.client_ip(request, stated_ip),
        service=api.auth_service,
        client_name=client.name,
        bind=handle is None and body.get_flag("bind"),
        bound_id=handle.verification_id if handle else None,
        vouched=_vouched(client, body),
    )
    sent = {"message": "OTP sent successfully.", "VerificationStatus": "pending"}
    if (identity := body.get_text("identity")) and _is_for_authenticator(
        api, client, identity, send_request
    ):
        return sent, HTTPStatus.CREATED, {"OTP-Channel": ApprovalMethod.TOTP}
    result = api.engines.engine_for(address).send(send_request)
    headers = response_headers.send_headers(result)
    if handle or send_request.bind:
        handle = VerificationHandle(result.verification_id, address)
        headers |= api.handle_header(handle)
    if not result.confirmed:
        return error_handlers.delivery_unconfirmed(headers)
    headers |= response_headers.rate_limit_headers(result.limit_usage)
    return sent, HTTPStatus.CREATED, headers


@bp.post("/verify_otp")
def verify_otp() -> ResponseReturnValue:
    """Check a code, and return whether it was right."""
    api, request = context.get_dependencies(), request_ctx.request
    client, body = _authenticate(api, request), request_body.parse(request)
    handle = _handle(api, body)
    address = handle.address if handle else _address(api, body)
    otp = body.get_text("otp")
    if otp is None:
        raise request_body.missing("otp")
    code = codes.parse(otp)
    check_request = CheckRequest(
        address=address,
        code=code,
        client_ip=client.client_ip(request, body.get_text("client_ip")),
        bound_id=handle.verification_id if handle else None,
        client_name=client.name,
    )
    result = api.engines.engine_for(address).check(check_request)
    if result.approved:
        headers = response_headers.channel_header(result.channel)
        headers |= api.proof_header(address, result)
        return {"VerificationStatus": "approved"}, HTTPStatus.CREATED, headers
    headers = response_headers.failed_check_headers(
        result.attempts_remaining, result.expires_in
    )
    return {"VerificationStatus": "pending"}, HTTPStatus.CREATED, headers


@bp.post("/cancel_otp")
def cancel_otp() -> ResponseReturnValue:
    """Close a bound verification without an approval."""
    api, request = context.get_dependencies(), request_ctx.request
    _authenticate(api, request)
    handle = _handle(api, request_body.parse(request))
    if handle is None:
        raise request_body.missing("verification")
    address, bound_id = handle.address, handle.verification_id
    engine = api.engines.engine_for(address)
    engine.cancel(address, api.auth_service, bound_id, bound_id)
    return {"VerificationStatus": "canceled"}, HTTPStatus.OK


def _authenticate(api: Dependencies, request: Request) -> Client:
    """Return the client, and store its name for the request log."""
    client = api.authenticator.authenticate(request)
    g.client_name = client.name
    return client


def _address(api: Dependencies, body: Body) -> Address:
    """Return the phone number or the e-mail address of a request.

    Raises:
        InvalidRequest: It has neither, both, or an e-mail address that no provider
            sends to.
    """
    address = _find_address(api, body)
    if address is None and api.address_channels:
        raise InvalidRequest("'phone' or 'email' is missing.")
    if address is None:
        raise request_body.missing("phone")
    g.phone = address.masked
    return address


def _find_address(api: Dependencies, body: Body) -> Address | None:
    if email := body.get_text("email"):
        if body.get_text("phone"):
            raise InvalidRequest("Send either 'phone' or 'email', and not both.")
        if not api.address_channels:
            raise InvalidRequest("'email' is not served: no provider sends e-mails.")
        return email_addresses.parse(email)
    parse = partial(api.sandbox_numbers.parse, region=api.default_region)
    return body.get_number("phone", parse)


def _handle(api: Dependencies, body: Body) -> VerificationHandle | None:
    """Parse the handle of a bound verification.

    Returns:
        None if the request has no handle.

    Raises:
        InvalidRequest: The request also has another number or e-mail address.
        VerificationNotFound: It is not a handle.
    """
    text = body.get_text("verification")
    if text is None:
        return None
    handle = api.parse_handle(text)
    g.phone = handle.address.masked
    if _find_address(api, body) not in {None, handle.address}:
        raise InvalidRequest("'verification' belongs to another recipient.")
    return handle


def _vouched(client: Client, body: Body) -> bool:
    """Return whether the client vouches for the recipient.

    Raises:
        InvalidRequest: An anonymous client vouches.
    """
    vouched = body.get_flag("vouched")
    if vouched and client.name is None:
        raise InvalidRequest("'vouched' needs an API key.")
    return vouched


def _is_for_authenticator(
    api: Dependencies, client: Client, identity: str, request: SendRequest
) -> bool:
    """Return whether an authenticator app takes the place of a message.

    A message goes as always with a named channel, for a resend by handle, and for an
    identity without an authenticator that can be checked now. The lookup counts
    nothing.

    Raises:
        InvalidRequest: An anonymous client names an identity outside dev mode, or it
            cannot be an identity.
        NetworkNotAllowed: The operator has blocked the network of the client.
    """
    if client.name is None and not api.dev:
        raise InvalidRequest("'identity' needs an API key.")
    identity = identities.parse(identity)
    if request.channel or request.bound_id or not api.has_factors:
        return False
    api.engines.production.check_client_ip(request.client_ip)
    return api.authenticators.is_ready(api.auth_service, identity)


def _channel(api: Dependencies, address: Address, name: str) -> Channel | None:
    """Parse the channel of a send.

    Returns:
        None for `auto`.

    Raises:
        InvalidRequest: No provider has the channel, or it does not reach the address.
    """
    if name == _AUTO:
        return None
    is_email = isinstance(address, EmailAddress)
    offered = api.address_channels if is_email else api.phone_channels
    if name not in offered:
        names = ", ".join([_AUTO, *offered])
        raise InvalidRequest(f"'channel' must be one of: {names}.")
    return Channel(name)


def _locale(tag: str) -> str:
    try:
        return parsing.language_tag(tag)
    except ValueError:
        message = "'locale' must be a language tag, such as en or pt-BR."
        raise InvalidRequest(message) from None
