"""Twilio Verify's `/v2`, in its wire format, on the same engine.

This face only reads and shapes: which calls there are, what they are named, how an
answer and an error look. Every rule is the engine's. The facts are those of Twilio's
OpenAPI document for Verify v2 and of its error dictionary.
"""

from __future__ import annotations

from flask import Blueprint

from otp_engine.api.verify_v2 import (
    accounts,
    attempts,
    buckets,
    checks,
    errors,
    messaging_configurations,
    rate_limits,
    safe_list,
    services,
    templates,
    verifications,
)

_MODULES = (
    *(services, verifications, checks, rate_limits, buckets),
    *(messaging_configurations, safe_list, templates, attempts),
)

__all__ = ["blueprint", "errors"]


def blueprint() -> Blueprint:
    """All of `/v2`."""
    bp = Blueprint("verify_v2", __name__, url_prefix="/v2")
    bp.before_request(accounts.enter)
    for module in _MODULES:
        bp.register_blueprint(module.bp)
    return bp
