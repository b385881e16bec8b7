"""`/.well-known/jwks.json`: the public keys of proof tokens (JWK Set, RFC 7517)."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from otp_engine.crypto.proof_tokens import ProofTokenIssuer


def blueprint(issuer: ProofTokenIssuer) -> Blueprint:
    """Build the view of the keys of *issuer*."""
    bp = Blueprint("jwks", __name__)

    @bp.get("/.well-known/jwks.json")
    def keys() -> ResponseReturnValue:
        return {"keys": issuer.public_keys}

    return bp
