from __future__ import annotations

from datetime import UTC, datetime

import jwt
import pytest

from otp_engine.crypto.proof_tokens import ProofTokenIssuer

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
ISSUER = ProofTokenIssuer([b"s" * 32], issuer=None)


def claims(token):
    key = jwt.PyJWK(ISSUER.public_keys[0])
    return jwt.decode(
        token,
        key,
        algorithms=["EdDSA"],
        audience="shop",
        options={"verify_exp": False},
    )


def issue(subject, **more):
    return ISSUER.issue(subject, approved_at=NOW, audience="shop", **more)


def test_token_of_an_identity_names_it_and_how_it_was_proven():
    token = issue("user-4711", factor="totp")

    found = claims(token)
    assert (found["sub"], found["factor"]) == ("user-4711", "totp")
    assert "email" not in found


@pytest.mark.parametrize("address", ["+919445012345", "person@example.com"])
def test_token_of_an_address_has_no_factor(address):
    assert "factor" not in claims(issue(address))


@pytest.mark.parametrize("address", ["+919445012345", "person@example.com"])
def test_address_is_never_the_subject_of_a_factor(address):
    with pytest.raises(ValueError, match="another kind") as raised:
        issue(address, factor="totp")

    assert address not in str(raised.value)


def test_identity_is_never_the_subject_of_a_proven_address():
    with pytest.raises(ValueError, match="another kind") as raised:
        issue("user-4711")

    assert "4711" not in str(raised.value)
