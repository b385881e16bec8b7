"""Twilio Verify's `/v2` in its wire format, on the same engine.

This package parses parameters and serializes results; every rule is in the engine. Its
sources are Twilio's OpenAPI document for Verify v2 and Twilio's error dictionary.
"""

from __future__ import annotations

from flask import Blueprint

from otp_engine.api.verify_v2 import authentication, errors
from otp_engine.api.verify_v2.resources import (
    attempts,
    buckets,
    challenges,
    entities,
    factors,
    messaging_configurations,
    rate_limits,
    safe_list,
    services,
    templates,
    unsupported,
    verification_checks,
    verifications,
    webhooks,
)

_RESOURCES = (
    *(services, verifications, verification_checks, rate_limits, buckets),
    *(messaging_configurations, safe_list, templates, attempts),
    *(entities, factors, challenges, webhooks, unsupported),
)

__all__ = ["blueprint", "errors"]


def blueprint() -> Blueprint:
    """Return the blueprint of every resource under `/v2`."""
    bp = Blueprint("verify_v2", __name__, url_prefix="/v2")
    bp.before_request(authentication.authenticate)
    for resource in _RESOURCES:
        bp.register_blueprint(resource.bp)
    return bp
