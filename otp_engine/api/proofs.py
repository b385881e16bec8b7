"""Proof of an approval, for somebody who was not there: a signed token (JWT, RFC 7519).

Whoever has the public key of `/.well-known/jwks.json` can check it, a program behind
the page that the person typed in as well as one behind an application's own. It is good
for a moment and for one use: whoever takes it must remember its `jti` until its `exp`.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import Blueprint
from flask.typing import ResponseReturnValue
from jwt.algorithms import OKPAlgorithm

from otp_engine.domain.phone import PhoneNumber

_LIFE = timedelta(minutes=2)
_ALGORITHM = "EdDSA"  # RFC 8037


@dataclass(frozen=True, slots=True)
class Key:
    """A key that signs, and the public half of it as others may know it."""

    private: Ed25519PrivateKey
    public: dict[str, Any]

    @classmethod
    def read(cls, seed: bytes) -> Key:
        """The key of a *seed* of 32 bytes."""
        private = Ed25519PrivateKey.from_private_bytes(seed)
        public = OKPAlgorithm.to_jwk(private.public_key(), as_dict=True)
        use = {"kid": _thumbprint(public), "alg": _ALGORITHM, "use": "sig"}
        return cls(private, public | use)


class Proofs:
    """Signs with the first of the keys; the others were signed with, not long ago."""

    def __init__(self, seeds: Sequence[bytes], *, issuer: str | None) -> None:
        """Sign as *issuer* with the keys of *seeds*; without any, nothing is proven."""
        self._keys = [Key.read(seed) for seed in seeds]
        self._issuer = issuer

    def of(
        self,
        number: PhoneNumber,
        *,
        at: datetime,
        audience: str,
        nonce: str | None = None,
        test: bool = False,
    ) -> str | None:
        """A token that says to *audience* that *number* has just been approved.

        Args:
            number: Whose code it was.
            at: When it was approved, by the clock of Redis.
            audience: Whom it is for, and nobody else should take it.
            nonce: What the audience gave, to know the person again.
            test: Whether it is a number for tests, whose code is no secret.
        """
        if not self._keys:
            return None
        key = self._keys[0]
        claims: dict[str, Any] = {
            "aud": audience,
            "sub": number.e164,
            "iat": at,
            "exp": at + _LIFE,
            "jti": secrets.token_urlsafe(16),
        }
        claims |= {"iss": self._issuer} if self._issuer else {}
        claims |= {"nonce": nonce} if nonce else {}
        claims |= {"test": True} if test else {}
        return jwt.encode(
            claims, key.private, _ALGORITHM, headers={"kid": key.public["kid"]}
        )

    def blueprint(self) -> Blueprint:
        """Serve the public keys (JWK Set, RFC 7517)."""
        bp = Blueprint("proofs", __name__)

        @bp.get("/.well-known/jwks.json")
        def keys() -> ResponseReturnValue:
            return {"keys": [key.public for key in self._keys]}

        return bp


def _thumbprint(public: dict[str, Any]) -> str:
    """The key's name: the same wherever it is made (RFC 7638)."""
    members = {name: public[name] for name in ("crv", "kty", "x")}
    canonical = json.dumps(members, separators=(",", ":"), sort_keys=True)
    return jwt.utils.base64url_encode(
        hashlib.sha256(canonical.encode()).digest()
    ).decode()
