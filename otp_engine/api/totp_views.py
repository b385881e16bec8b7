"""The JSON API of authenticator apps: `/auth/totp`.

Each view parses the request, calls the domain and builds the response. It validates a
field after the fields before it, as in `auth_views`. Every request needs an API key, in
dev mode none.
"""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint
from flask.globals import request_ctx
from flask.typing import ResponseReturnValue

from otp_engine.api import body as request_body
from otp_engine.api import context, qr_codes, response_headers
from otp_engine.api.authentication import Client
from otp_engine.api.body import Body
from otp_engine.api.context import Dependencies
from otp_engine.api.totp_requests import authenticate, identity_of
from otp_engine.domain.factors import recovery_codes, service_totp, totp
from otp_engine.domain.factors.authenticators import ApprovalMethod
from otp_engine.domain.factors.factors import check_name
from otp_engine.domain.factors.models import (
    FactorCheck,
    FactorCheckResult,
    FactorRequest,
)
from otp_engine.errors import InvalidRequest

bp = Blueprint("totp", __name__, url_prefix="/auth/totp")


@bp.post("/enroll")
def enroll() -> ResponseReturnValue:
    """Create a secret and recovery codes, which work after an activation."""
    api, request = context.get_dependencies(), request_ctx.request
    client, body = authenticate(api, request), request_body.parse(request)
    identity, name = identity_of(body), body.get_text("name")
    if name:
        check_name(name, "'name'")
    enrollment = api.authenticators.enroll(
        FactorRequest(
            service=api.auth_service,
            identity=identity,
            friendly_name=name or identity,
            issuer=service_totp.issuer_of(api.auth_service),
            config=service_totp.config_of(api.auth_service),
            is_authenticator=True,
            client_ip=client.client_ip(request, body.get_text("client_ip")),
            client_name=client.name,
        )
    )
    response = {
        "VerificationStatus": "pending",
        "secret": enrollment.created.secret,
        "uri": enrollment.created.uri,
        "qr_code": qr_codes.to_svg(enrollment.created.uri),
        "recovery_codes": list(
            map(recovery_codes.format_code, enrollment.recovery_codes)
        ),
    }
    return response, HTTPStatus.CREATED


@bp.post("/activate")
def activate() -> ResponseReturnValue:
    """Check the first code of an enrollment, which makes it the authenticator."""
    api, request = context.get_dependencies(), request_ctx.request
    client, body = authenticate(api, request), request_body.parse(request)
    identity, otp = identity_of(body), body.get_text("otp")
    if otp is None:
        raise request_body.missing("otp")
    check = _check(api, client, body, identity, totp.parse_code(otp), activates=True)
    result = api.authenticators.check(check)
    return _response(api, result, ApprovalMethod.TOTP)


@bp.post("/verify")
def verify() -> ResponseReturnValue:
    """Check a code of the authenticator, or a recovery code."""
    api, request = context.get_dependencies(), request_ctx.request
    client, body = authenticate(api, request), request_body.parse(request)
    identity, otp = identity_of(body), body.get_text("otp")
    recovery_code = body.get_text("recovery_code")
    if otp and recovery_code:
        raise InvalidRequest("Send either 'otp' or 'recovery_code', and not both.")
    if recovery_code:
        code = recovery_codes.parse(recovery_code)
        check = _check(api, client, body, identity, code)
        result = api.authenticators.check_recovery_code(check)
        return _response(api, result, ApprovalMethod.RECOVERY_CODE)
    if otp is None:
        raise InvalidRequest("'otp' or 'recovery_code' is missing.")
    check = _check(api, client, body, identity, totp.parse_code(otp))
    return _response(api, api.authenticators.check(check), ApprovalMethod.TOTP)


@bp.delete("")
def delete() -> ResponseReturnValue:
    """Delete the authenticator of an identity, with its recovery codes."""
    api, request = context.get_dependencies(), request_ctx.request
    client, body = authenticate(api, request), request_body.parse(request)
    identity = identity_of(body)
    api.authenticators.delete(api.auth_service, identity, client_name=client.name)
    return "", HTTPStatus.NO_CONTENT


def _check(  # noqa: PLR0913 - the values of one check
    api: Dependencies,
    client: Client,
    body: Body,
    identity: str,
    code: str,
    *,
    activates: bool = False,
) -> FactorCheck:
    stated_ip = body.get_text("client_ip")
    return FactorCheck(
        service=api.auth_service,
        identity=identity,
        code=code,
        client_ip=client.client_ip(request_ctx.request, stated_ip),
        client_name=client.name,
        activates=activates,
    )


def _response(
    api: Dependencies, result: FactorCheckResult, method: ApprovalMethod
) -> ResponseReturnValue:
    headers = response_headers.factor_check_headers(result, method)
    if not result.approved:
        return {"VerificationStatus": "pending"}, HTTPStatus.CREATED, headers
    headers |= api.factor_proof_header(result, method)
    return {"VerificationStatus": "approved"}, HTTPStatus.CREATED, headers
