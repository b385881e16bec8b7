"""`/v2/Services/{sid}/Entities/{identity}/Challenges`: requests to prove a factor."""

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
    factor_params,
    factor_serializers,
    lookup,
    params,
)
from otp_engine.api.verify_v2.pagination import paginate
from otp_engine.api.verify_v2.params import FormParams
from otp_engine.domain.factors.challenge_models import (
    ChallengeCheck,
    ChallengeRequest,
    ChallengeStatus,
)

bp = Blueprint("challenges", __name__)

_LIST = "/Services/<service>/Entities/<identity>/Challenges"
_PARSERS: Mapping[str, Callable[[str], Any]] = {
    "FactorSid": params.sid("YF"),
    "AuthPayload": factor_params.code,
    "ExpirationDate": factor_params.moment,
    "HiddenDetails": factor_params.json_of_texts,
}
# A parameter of push factors that SDKs repeat.
_LISTS = ("Details.Fields",)
_CHECK_PARSERS: Mapping[str, Callable[[str], Any]] = {
    "AuthPayload": factor_params.code,
}
_FILTERS: Mapping[str, Callable[[str], Any]] = {
    "FactorSid": params.sid("YF"),
    "Status": ChallengeStatus,
    "Order": parsing.choice(["asc", "desc"]),
}


@bp.post(_LIST)
def create(service: str, identity: str) -> ResponseReturnValue:
    """Create a challenge; a right code in the request closes it at once."""
    app, form = context.get_dependencies(), params.parse(request, lists=_LISTS)
    owner = lookup.get_service(app, service)
    values = form.parse_all(_PARSERS, required=("FactorSid",))
    challenge = app.challenges.create(
        ChallengeRequest(
            service=owner,
            identity=identity,
            factor_sid=values["FactorSid"],
            code=values.get("AuthPayload"),
            expires_at=values.get("ExpirationDate"),
            hidden_details=values.get("HiddenDetails"),
            client_name=g.client_name,
            client_ip=authentication.client_ip(None),
        )
    )
    return factor_serializers.challenge(challenge), HTTPStatus.CREATED


@bp.get(_LIST)
def list_(service: str, identity: str) -> ResponseReturnValue:
    """Return the challenges of an entity, oldest first."""
    app = context.get_dependencies()
    owner = lookup.get_service(app, service)
    filters = FormParams(request.args).parse_all(_FILTERS, required=())
    factor_sid, status = filters.get("FactorSid"), filters.get("Status")
    return paginate(
        [
            challenge
            for challenge in app.challenges.list_all(owner, identity)
            if factor_sid in {None, challenge.factor_sid}
            and status in {None, challenge.status}
        ],
        "challenges",
        serialize=factor_serializers.challenge,
        name=lambda challenge: challenge.sid,
        is_ascending=filters.get("Order") != "desc",
    )


@bp.get(f"{_LIST}/<sid>")
def fetch(service: str, identity: str, sid: str) -> ResponseReturnValue:
    """Return a challenge."""
    app = context.get_dependencies()
    owner = lookup.get_service(app, service)
    return factor_serializers.challenge(app.challenges.get(owner, identity, sid))


@bp.post(f"{_LIST}/<sid>")
def check(service: str, identity: str, sid: str) -> ResponseReturnValue:
    """Check a code; a wrong one leaves the challenge `pending`."""
    app, form = context.get_dependencies(), params.parse(request)
    owner = lookup.get_service(app, service)
    values = form.parse_all(_CHECK_PARSERS, required=("AuthPayload",))
    challenge = app.challenges.check(
        ChallengeCheck(
            service=owner,
            identity=identity,
            sid=sid,
            code=values["AuthPayload"],
            client_name=g.client_name,
            client_ip=authentication.client_ip(None),
        )
    )
    return factor_serializers.challenge(challenge)
