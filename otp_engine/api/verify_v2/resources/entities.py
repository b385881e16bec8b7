"""`/v2/Services/{sid}/Entities`: the people and things that have factors."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, g, request
from flask.typing import ResponseReturnValue

from otp_engine.api import context
from otp_engine.api.verify_v2 import factor_serializers, lookup, params
from otp_engine.api.verify_v2.pagination import paginate

bp = Blueprint("entities", __name__)

_LIST = "/Services/<service>/Entities"


@bp.post(_LIST)
def create(service: str) -> ResponseReturnValue:
    """Create an entity without factors."""
    app, form = context.get_dependencies(), params.parse(request)
    owner = lookup.get_service(app, service)
    entity = app.factors.create_entity(owner, form.require("Identity"))
    return factor_serializers.entity(entity), HTTPStatus.CREATED


@bp.get(_LIST)
def list_(service: str) -> ResponseReturnValue:
    """Return the entities of a service."""
    app = context.get_dependencies()
    return paginate(
        app.factors.list_entities(lookup.get_service(app, service)),
        "entities",
        serialize=factor_serializers.entity,
        name=lambda entity: entity.sid,
    )


@bp.get(f"{_LIST}/<identity>")
def fetch(service: str, identity: str) -> ResponseReturnValue:
    """Return an entity."""
    app = context.get_dependencies()
    owner = lookup.get_service(app, service)
    return factor_serializers.entity(app.factors.get_entity(owner, identity))


@bp.delete(f"{_LIST}/<identity>")
def delete(service: str, identity: str) -> ResponseReturnValue:
    """Delete an entity with its factors and challenges."""
    app = context.get_dependencies()
    owner = lookup.get_service(app, service)
    app.factors.delete_entity(owner, identity, client_name=g.client_name)
    return "", HTTPStatus.NO_CONTENT
