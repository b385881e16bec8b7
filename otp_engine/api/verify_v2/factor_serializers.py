"""Bodies of Entity, Factor and Challenge."""

from __future__ import annotations

import json
from typing import Any

from flask import g

from otp_engine.api.verify_v2 import wire
from otp_engine.domain.factors.challenge_models import Challenge
from otp_engine.domain.factors.models import Entity, Factor, NewFactor, TotpConfig


def entity(entity: Entity) -> dict[str, Any]:
    """Return the body of an entity."""
    url = _url(entity)
    return {
        "sid": entity.sid,
        "identity": entity.identity,
        "account_sid": g.account,
        "service_sid": entity.service,
        "date_created": wire.format_seconds(entity.created_at),
        "date_updated": wire.format_seconds(entity.updated_at),
        "url": url,
        "links": {
            "factors": f"{url}/Factors",
            "new_factors": f"{url}/Factors",
            "challenges": f"{url}/Challenges",
        },
    }


def factor(factor: Factor) -> dict[str, Any]:
    """Return the body of a factor, which never has the secret."""
    return {
        **_common(factor),
        "friendly_name": factor.friendly_name,
        "status": factor.status,
        "factor_type": "totp",
        "config": _config(factor.config),
        "metadata": _from_json(factor.metadata),
        "url": f"{_url(factor)}/Factors/{factor.sid}",
    }


def new_factor(new: NewFactor) -> dict[str, Any]:
    """Return the body of a factor that was just created, with its secret."""
    return {
        **factor(new.factor),
        "binding": {"secret": new.secret, "uri": new.uri},
        "options": None,
    }


def challenge(challenge: Challenge) -> dict[str, Any]:
    """Return the body of a challenge."""
    responded = challenge.responded_at
    url = f"{_url(challenge)}/Challenges/{challenge.sid}"
    return {
        **_common(challenge),
        "factor_sid": challenge.factor_sid,
        "date_responded": wire.format_seconds(responded) if responded else None,
        "expiration_date": wire.format_seconds(challenge.expires_at),
        "status": challenge.status,
        "responded_reason": "none",
        # Those of a push notification.
        "details": None,
        "hidden_details": _from_json(challenge.hidden_details),
        "metadata": None,
        "factor_type": "totp",
        "url": url,
        "links": {"notifications": f"{url}/Notifications"},
    }


def _common(resource: Factor | Challenge) -> dict[str, Any]:
    return {
        "sid": resource.sid,
        "account_sid": g.account,
        "service_sid": resource.service,
        "entity_sid": resource.entity_sid,
        "identity": resource.identity,
        "date_created": wire.format_seconds(resource.created_at),
        "date_updated": wire.format_seconds(resource.updated_at),
    }


def _config(config: TotpConfig) -> dict[str, Any]:
    return {
        "alg": config.algorithm,
        "skew": config.skew,
        "code_length": config.code_length,
        "time_step": config.time_step,
    }


def _from_json(text: str | None) -> Any:  # noqa: ANN401 - what the client sent
    return None if text is None else json.loads(text)


def _url(resource: Entity | Factor | Challenge) -> str:
    path = ("Services", resource.service, "Entities", resource.identity)
    return wire.resource_url(*path)
