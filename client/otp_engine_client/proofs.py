"""Proof tokens: their public keys, and the checks that an application must make.

This needs PyJWT, which `pip install otp-engine-client[proofs]` installs.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from otp_engine_client.errors import InvalidProof
from otp_engine_client.results import Proof

try:
    import jwt
except ImportError:  # pragma: no cover - the tests have it
    _HAS_JWT = False
else:
    _HAS_JWT = True

_ALGORITHM = "EdDSA"
_LEEWAY = timedelta(seconds=10)
_MAX_AGE = 300.0
# An attacker can send tokens with any `kid`, and each must not cause a request.
_MIN_INTERVAL = 10.0
_REQUIRED = ("sub", "aud", "iat", "exp", "jti")


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a proof token must state.

    Attributes:
        audience: The name of the API key, or the origin that `/verify` returns to.
        nonce: The `state` that the session of the person has; None for a token of the
            API, which has none.
        issuer: `OTP_PUBLIC_URL` of the service; None accepts every issuer.
        accept_test: Whether to accept sandbox numbers, which have a fixed code.
    """

    audience: str
    nonce: str | None = field(default=None, repr=False)
    issuer: str | None = None
    accept_test: bool = False


class ProofKeys:
    """The public keys of a service, kept for five minutes."""

    def __init__(self) -> None:
        if not _HAS_JWT:
            raise ImportError(
                "proofs need PyJWT: pip install otp-engine-client[proofs]"
            )
        self._keys: Mapping[str, Any] = {}
        self._fetched_at: float | None = None

    def are_needed(self, token: str, now: float) -> bool:
        """Return whether to fetch the keys before a check of *token*.

        Args:
            token: The proof token.
            now: Seconds of a monotonic clock.

        Raises:
            InvalidProof: It is not a JWT of the right kind.
        """
        key_id = _key_id(token)
        if self._fetched_at is None:
            return True
        age = now - self._fetched_at
        return age >= _MAX_AGE or (key_id not in self._keys and age >= _MIN_INTERVAL)

    def store(self, key_set: Mapping[str, Any], now: float) -> None:
        """Replace the keys.

        Args:
            key_set: A JWK Set (RFC 7517). Keys of other kinds are left out.
            now: Seconds of a monotonic clock.
        """
        self._keys = {
            key["kid"]: jwt.PyJWK(key, algorithm=_ALGORITHM)
            for key in key_set["keys"]
            if isinstance(key, dict)
            and key.get("kid")
            and (key.get("kty"), key.get("crv")) == ("OKP", "Ed25519")
        }
        self._fetched_at = now

    def check(self, token: str, expected: Expectation) -> Proof:
        """Return what *token* proves.

        Raises:
            InvalidProof: It does not prove what is expected.
        """
        key = self._keys.get(_key_id(token))
        if key is None:
            raise InvalidProof("The proof is signed with an unknown key.")
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=[_ALGORITHM],
                audience=expected.audience,
                issuer=expected.issuer,
                leeway=_LEEWAY,
                options={"require": list(_REQUIRED), "strict_aud": True},
            )
        except jwt.InvalidTokenError as error:
            raise InvalidProof(_explain(error, expected)) from None
        _check_nonce(claims.get("nonce"), expected.nonce)
        if claims.get("test") and not expected.accept_test:
            raise InvalidProof("The proof is of a sandbox number.")
        return _to_proof(claims)


def require_token(proof: str | None) -> str:
    """Return *proof*, if there is one.

    Raises:
        InvalidProof: There is none.
    """
    if not proof:
        raise InvalidProof(
            "There is no proof token: the service issues them with OTP_PROOF_KEY."
        )
    return proof


def _explain(error: Exception, expected: Expectation) -> str:
    """Return the reason, for the developer, with the value that was expected."""
    match error:
        case jwt.InvalidAudienceError():
            return (
                f"The proof is not for the audience {expected.audience!r}. Expect the"
                " name of the API key that checked the code, 'anonymous' without a key,"
                " or your origin after the page /verify."
            )
        case jwt.InvalidIssuerError():
            return (
                f"The proof is not of the issuer {expected.issuer!r}: expect"
                " OTP_PUBLIC_URL of the service."
            )
        case jwt.MissingRequiredClaimError(claim="iss"):
            return "The proof has no issuer: the service has no OTP_PUBLIC_URL."
        case jwt.ExpiredSignatureError():
            return "The proof has expired."
    return f"The proof is invalid: {type(error).__name__}."


def _key_id(token: str) -> str:
    try:
        header = jwt.get_unverified_header(token)
    except jwt.InvalidTokenError:
        raise InvalidProof("The proof is not a JWT.") from None
    if header.get("alg") != _ALGORITHM or not isinstance(header.get("kid"), str):
        raise InvalidProof("The proof is not a JWT of OTP Engine.")
    key_id: str = header["kid"]
    return key_id


def _check_nonce(nonce: object, expected: str | None) -> None:
    """Compare the nonce of a token with that of the session of the person.

    Without this check, an attacker could link the number of a victim to an account.
    """
    if nonce is None and expected is None:
        return
    if expected is None:
        raise InvalidProof("The proof has a nonce: pass the state of the session.")
    if not isinstance(nonce, str) or not hmac.compare_digest(
        nonce.encode(), expected.encode()
    ):
        raise InvalidProof("The proof is of another session.")


def _to_proof(claims: Mapping[str, Any]) -> Proof:
    subject, factor = claims["sub"], claims.get("factor")
    is_phone, is_email = subject[:1] == "+", "@" in subject
    if bool(factor) == (is_phone or is_email):
        raise InvalidProof("The proof is of an unknown kind.")
    return Proof(
        phone=subject if is_phone and not is_email else None,
        email=subject if is_email else None,
        identity=subject if factor else None,
        factor=factor,
        id=claims["jti"],
        issued_at=datetime.fromtimestamp(claims["iat"], UTC),
        expires_at=datetime.fromtimestamp(claims["exp"], UTC) + _LEEWAY,
        test=bool(claims.get("test")),
    )
