"""The check of proof tokens, with tokens that the service issues."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import jwt
import pytest

import otp_engine_client
from otp_engine.crypto.proof_tokens import ProofTokenIssuer, SigningKey
from otp_engine_client import AsyncClient, Client, InvalidProof, UnexpectedResponse
from otp_engine_client.proofs import Expectation, ProofKeys
from tests.support.client_calls import Recorder

URL = "https://otp.example.com"
ISSUER = ProofTokenIssuer([bytes(range(32))], issuer=URL)
OTHER = ProofTokenIssuer([bytes(32)], issuer=URL)
WITHOUT_URL = ProofTokenIssuer([bytes(range(32))], issuer=None)


def published_keys() -> httpx.Response:
    return httpx.Response(200, json={"keys": ISSUER.public_keys})


def token(issuer: ProofTokenIssuer = ISSUER, *, age: float = 0, **changes) -> str:
    claims = {"subject": "+919445012345", "audience": "shop"} | changes
    at = datetime.now(UTC) - timedelta(seconds=age)
    issued = issuer.issue(claims.pop("subject"), approved_at=at, **claims)
    assert issued
    return issued


def proof_keys() -> ProofKeys:
    keys = ProofKeys()
    keys.store({"keys": ISSUER.public_keys}, 0)
    return keys


def check(proof: str, **changes):
    return proof_keys().check(proof, Expectation(**({"audience": "shop"} | changes)))


def test_proof_of_a_number_has_its_facts():
    proof = check(token(), issuer=URL)

    assert (proof.phone, proof.email, proof.identity) == ("+919445012345", None, None)
    assert proof.expires_at - proof.issued_at == timedelta(seconds=130)
    assert proof.id
    assert "9445012345" not in repr(proof)


def test_proof_of_an_address_has_no_number():
    proof = check(token(subject="person@example.com"))

    assert (proof.phone, proof.email) == (None, "person@example.com")


def test_proof_of_an_identity_has_its_factor():
    proof = check(token(subject="user-4711", factor="totp"))

    assert (proof.phone, proof.identity, proof.factor) == (None, "user-4711", "totp")


@pytest.mark.parametrize(
    ("proof", "expected"),
    [
        (lambda: token(audience="other"), {}),
        (lambda: token(age=140), {}),
        (lambda: token(age=-60), {}),
        (lambda: token(OTHER), {}),
        (lambda: token(test=True), {}),
        (token, {"issuer": "https://other.example.com"}),
        (lambda: token(nonce="s-1"), {}),
        (lambda: token(nonce="s-1"), {"nonce": "s-2"}),
        (token, {"nonce": "s-1"}),
        (lambda: token()[:-9] + "AAAAAAAAA", {}),
        (lambda: "no token", {}),
        (lambda: jwt.encode({"aud": "shop"}, "k" * 32, "HS256"), {}),
        (lambda: jwt.encode({"aud": "shop"}, "", "none"), {}),
    ],
    ids=[
        "audience",
        "expired",
        "issued in the future",
        "another key",
        "sandbox number",
        "issuer",
        "nonce not compared",
        "another nonce",
        "no nonce",
        "signature",
        "text",
        "symmetric",
        "unsigned",
    ],
)
def test_invalid_proof_is_rejected(proof, expected):
    with pytest.raises(InvalidProof):
        check(proof(), **expected)


@pytest.mark.parametrize(
    ("proof", "expected", "reason"),
    [
        (lambda: token(audience="shop-2"), {}, "not for the audience 'shop'"),
        (token, {"issuer": "https://b.example"}, "issuer 'https://b.example'"),
        (lambda: token(WITHOUT_URL), {"issuer": URL}, "has no OTP_PUBLIC_URL"),
        (lambda: token(age=140), {}, "has expired"),
        (lambda: token(age=-60), {}, "ImmatureSignatureError"),
    ],
    ids=["audience", "issuer", "no issuer", "expired", "not yet valid"],
)
def test_invalid_proof_states_what_was_expected(proof, expected, reason):
    with pytest.raises(InvalidProof, match=reason):
        check(proof(), **expected)


@pytest.mark.parametrize("proof", [None, ""])
def test_missing_proof_is_rejected_without_a_request(proof):
    recorder = Recorder()
    with (
        Client(URL, transport=recorder) as client,
        pytest.raises(InvalidProof, match="issues them with OTP_PROOF_KEY"),
    ):
        client.check_proof(proof, audience="shop")

    assert recorder.requests == []


def test_missing_proof_is_rejected_by_the_async_client():
    async def check_none() -> None:
        async with AsyncClient(URL, transport=Recorder()) as client:
            await client.check_proof(None, audience="shop")

    with pytest.raises(InvalidProof, match="issues them with OTP_PROOF_KEY"):
        asyncio.run(check_none())


def test_proof_of_the_right_session_is_accepted():
    assert check(token(nonce="s-1"), nonce="s-1").phone == "+919445012345"


def test_sandbox_number_is_accepted_on_request():
    assert check(token(test=True), accept_test=True).test


def test_clock_may_differ_by_a_few_seconds():
    assert check(token(age=-5)).phone == "+919445012345"


def test_keys_are_fetched_once_in_five_minutes():
    keys, proof = proof_keys(), token()

    assert [keys.are_needed(proof, now) for now in (0, 299, 300)] == [
        False,
        False,
        True,
    ]


def test_unknown_key_is_fetched_at_most_every_ten_seconds():
    keys, proof = proof_keys(), token(OTHER)

    assert [keys.are_needed(proof, now) for now in (0, 9, 10)] == [False, False, True]


def test_client_fetches_the_keys_once():
    recorder = Recorder(published_keys())
    with Client(URL, api_key="key", transport=recorder) as client:
        proofs = [client.check_proof(token(), audience="shop") for _ in range(3)]

    assert {proof.phone for proof in proofs} == {"+919445012345"}
    assert [request.url.path for request in recorder.requests] == [
        "/.well-known/jwks.json"
    ]


def test_async_client_fetches_the_keys_once():
    recorder = Recorder(published_keys())

    async def phones() -> set[str | None]:
        async with AsyncClient(URL, transport=recorder) as client:
            proofs = [
                await client.check_proof(token(), audience="shop") for _ in range(3)
            ]
        return {proof.phone for proof in proofs}

    assert asyncio.run(phones()) == {"+919445012345"}
    assert len(recorder.requests) == 1


@pytest.mark.parametrize(
    "claims",
    [{"sub": "user-4711"}, {"sub": "+919445012345", "factor": "totp"}],
    ids=["identity without a factor", "number with a factor"],
)
def test_proof_of_an_unknown_kind_is_rejected(claims):
    key = SigningKey.from_seed(bytes(range(32)))
    now = datetime.now(UTC)
    times = {"iat": now, "exp": now + timedelta(minutes=2)}
    proof = jwt.encode(
        {"aud": "shop", "jti": "id-1", **times, **claims},
        key.private,
        "EdDSA",
        headers={"kid": key.public["kid"]},
    )

    with pytest.raises(InvalidProof, match="unknown kind"):
        check(proof)


def test_keys_of_another_server_are_an_unexpected_response():
    client = Client(URL, transport=Recorder(httpx.Response(200, html="<p>Hi</p>")))

    with pytest.raises(UnexpectedResponse):
        client.check_proof(token(), audience="shop")


def test_keys_of_other_kinds_are_left_out():
    keys = ProofKeys()
    agreement = {"kty": "OKP", "crv": "X25519", "kid": "2", "x": "A" * 43}
    others = [{"kty": "RSA", "kid": "1"}, agreement, "text"]

    keys.store({"keys": [*others, *ISSUER.public_keys]}, 0)

    assert keys.check(token(), Expectation("shop")).phone == "+919445012345"


def test_check_without_pyjwt_names_the_missing_extra(tmp_path):
    (tmp_path / "jwt.py").write_text("raise ImportError")
    program = """
from otp_engine_client import Client
try:
    Client("http://localhost").check_proof("a.b.c", audience="shop")
except ImportError as error:
    print(error)
"""
    folders = [tmp_path, Path(otp_engine_client.__file__).parent.parent]
    result = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": os.pathsep.join(map(str, folders))},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert result.stdout == (
        "proofs need PyJWT: pip install otp-engine-client[proofs]\n"
    )
