"""`/v2/Services/{sid}/Entities/{identity}/Factors`: authenticator apps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from flask import Blueprint, g, request
from flask.typing import ResponseReturnValue

from otp_engine import parsing
from otp_engine.api import context
from otp_engine.api.verify_v2 import (
    authentication,
    errors,
    factor_params,
    factor_serializers,
    lookup,
    params,
)
from otp_engine.api.verify_v2.pagination import paginate
from otp_engine.domain.factors import service_totp, totp
from otp_engine.domain.factors.models import FactorCheck, FactorRequest
from otp_engine.errors import FactorNotFound

bp = Blueprint("factors", __name__)

_LIST = "/Services/<service>/Entities/<identity>/Factors"
_TOTP = "totp"

_UPDATE_PARSERS: Mapping[str, Callable[[str], Any]] = {
    "AuthPayload": factor_params.code,
    # `Factors` checks it.
    "FriendlyName": str,
    **factor_params.CONFIG_PARSERS,
}
_PARSERS: Mapping[str, Callable[[str], Any]] = {
    "FactorType": parsing.choice(["push", _TOTP, "passkeys"]),
    # `Factors` checks it.
    "FriendlyName": str,
    "Binding.Secret": totp.parse_secret,
    **factor_params.CONFIG_PARSERS,
    "Metadata": factor_params.json_of_texts,
}


@bp.post(_LIST)
def create(service: str, identity: str) -> ResponseReturnValue:
    """Create an unverified factor; only this answer has its secret."""
    app, form = context.get_dependencies(), params.parse(request)
    owner = lookup.get_service(app, service)
    values = form.parse_all(_PARSERS, required=("FriendlyName", "FactorType"))
    if values["FactorType"] != _TOTP:
        raise errors.unsupported_feature()
    new = app.factors.create_factor(
        FactorRequest(
            service=owner,
            identity=identity,
            friendly_name=values["FriendlyName"],
            issuer=service_totp.issuer_of(owner),
            config=factor_params.config(service_totp.config_of(owner), values),
            secret=values.get("Binding.Secret"),
            metadata=values.get("Metadata"),
            client_name=g.client_name,
            client_ip=authentication.client_ip(None),
        )
    )
    return factor_serializers.new_factor(new), HTTPStatus.CREATED


@bp.get(_LIST)
def list_(service: str, identity: str) -> ResponseReturnValue:
    """Return the factors of an entity."""
    app = context.get_dependencies()
    return paginate(
        app.factors.list_factors(lookup.get_service(app, service), identity),
        "factors",
        serialize=factor_serializers.factor,
        name=lambda factor: factor.sid,
    )


@bp.get(f"{_LIST}/<sid>")
def fetch(service: str, identity: str, sid: str) -> ResponseReturnValue:
    """Return a factor."""
    app = context.get_dependencies()
    owner = lookup.get_service(app, service)
    return factor_serializers.factor(app.factors.get_factor(owner, identity, sid))


@bp.post(f"{_LIST}/<sid>")
def update(service: str, identity: str, sid: str) -> ResponseReturnValue:
    """Change a factor, and verify it; a wrong code leaves it `unverified`."""
    app, form = context.get_dependencies(), params.parse(request)
    owner = lookup.get_service(app, service)
    values = form.parse_all(_UPDATE_PARSERS, required=())
    # A program that reads `verified` as the result of a login can lack the code: SDKs
    # leave out an undefined one, and send an empty one.
    if not values or form.is_empty("AuthPayload"):
        raise errors.invalid_parameter("AuthPayload")
    code = values.pop("AuthPayload", None)
    if values:
        config = app.factors.get_factor(owner, identity, sid).config
        changed = app.factors.update_factor(
            *(owner, identity, sid),
            friendly_name=values.get("FriendlyName"),
            config=factor_params.config(config, values),
        )
        if code is None:
            return factor_serializers.factor(changed)
    check = FactorCheck(
        service=owner,
        identity=identity,
        code=code,
        factor_sid=sid,
        client_name=g.client_name,
        client_ip=authentication.client_ip(None),
        activates=True,
    )
    try:
        return factor_serializers.factor(app.factors.check(check).factor)
    except FactorNotFound:
        # Without the entity its error comes first, as for the other methods.
        app.factors.get_entity(owner, identity)
        raise


@bp.delete(f"{_LIST}/<sid>")
def delete(service: str, identity: str, sid: str) -> ResponseReturnValue:
    """Delete a factor."""
    app = context.get_dependencies()
    owner = lookup.get_service(app, service)
    app.factors.delete_factor(owner, identity, sid, client_name=g.client_name)
    return "", HTTPStatus.NO_CONTENT
