"""Proof tokens: signed JWTs (RFC 7519) that prove an approval to an application.

An application checks a token with the public keys of `/.well-known/jwks.json`. A token
is valid for two minutes and for one use: the application must store its `jti` until its
`exp`, and reject it a second time.
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
from jwt.algorithms import OKPAlgorithm

_TTL = timedelta(minutes=2)
_ALGORITHM = "EdDSA"  # RFC 8037


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An Ed25519 key.

    Attributes:
        private: The private key.
        public: The public key as a JWK (RFC 7517).
    """

    private: Ed25519PrivateKey
    public: dict[str, Any]

    @classmethod
    def from_seed(cls, seed: bytes) -> SigningKey:
        """Create the key of a seed.

        Args:
            seed: 32 bytes (RFC 8032).

        Returns:
            The key. Its `kid` is the thumbprint of RFC 7638, so that every instance
            publishes the key under the same name.
        """
        private = Ed25519PrivateKey.from_private_bytes(seed)
        public = OKPAlgorithm.to_jwk(private.public_key(), as_dict=True)
        use = {"kid": _thumbprint(public), "alg": _ALGORITHM, "use": "sig"}
        return cls(private, public | use)


class ProofTokenIssuer:
    """Issues proof tokens, signed with the first of its keys.

    The other keys are those before a rotation. They are published until the tokens
    that they signed have expired.
    """

    def __init__(self, seeds: Sequence[bytes], *, issuer: str | None) -> None:
        """Create the keys.

        Args:
            seeds: The seeds of the keys, the current one first. Without a seed no
                token is issued.
            issuer: The `iss` of the tokens, if any.
        """
        self._keys = [SigningKey.from_seed(seed) for seed in seeds]
        self._issuer = issuer

    @property
    def public_keys(self) -> list[dict[str, Any]]:
        """The public keys as JWKs (RFC 7517)."""
        return [key.public for key in self._keys]

    def issue(  # noqa: PLR0913 - the claims of a token
        self,
        subject: str,
        *,
        approved_at: datetime,
        audience: str,
        nonce: str | None = None,
        test: bool = False,
        factor: str | None = None,
    ) -> str | None:
        """Issue a token for an approved number, e-mail address or identity.

        An e-mail address is also in the claims of OpenID Connect for it. A token for an
        identity has the claim `factor`, and is no token for a number or an address: an
        identity has neither the `+` of a number nor the `@` of an address.

        Args:
            subject: What was approved, in canonical form; the `sub`.
            approved_at: The time of the approval, by the clock of Redis; the `iat`.
            audience: The client or the origin that the token is for; the `aud`.
            nonce: A value by which the audience recognizes the recipient.
            test: Whether this is a sandbox number, which has a fixed code.
            factor: How an identity was proven: `totp` or `recovery_code`; None for a
                number or an e-mail address.

        Returns:
            The token, or None without a signing key.

        Raises:
            ValueError: The subject is not of the kind that *factor* states.
        """
        if bool(factor) == ("+" in subject or "@" in subject):
            raise ValueError("a proof of another kind of subject")
        if not self._keys:
            return None
        key = self._keys[0]
        claims: dict[str, Any] = {
            "aud": audience,
            "sub": subject,
            "iat": approved_at,
            "exp": approved_at + _TTL,
            "jti": secrets.token_urlsafe(16),
        }
        claims |= {"email": subject, "email_verified": True} if "@" in subject else {}
        claims |= {"factor": factor} if factor else {}
        claims |= {"iss": self._issuer} if self._issuer else {}
        claims |= {"nonce": nonce} if nonce else {}
        claims |= {"test": True} if test else {}
        return jwt.encode(
            claims, key.private, _ALGORITHM, headers={"kid": key.public["kid"]}
        )


def _thumbprint(public: dict[str, Any]) -> str:
    """Return the thumbprint of a public key (RFC 7638)."""
    members = {name: public[name] for name in ("crv", "kty", "x")}
    canonical = json.dumps(members, separators=(",", ":"), sort_keys=True)
    return jwt.utils.base64url_encode(
        hashlib.sha256(canonical.encode()).digest()
    ).decode()
