from __future__ import annotations

import base64
import time

import jwt
import pytest

from tests.support.fakes import different_code
from tests.support.verify_client import ACCOUNT, TOKEN, Verify

PHONE = {"phone": "+919445012345"}
SEED, OLD = (base64.b64encode(byte * 32).decode() for byte in (b"s", b"o"))
KEY = {"Authorization": "Bearer shop-secret-0123456789"}


@pytest.fixture
def client(app_with):
    return app_with(
        OTP_PROOF_KEY=SEED,
        OTP_PUBLIC_URL="https://otp.example.com",
        OTP_API_KEYS="shop:shop-secret-0123456789",
    ).test_client()


def send(client):
    return client.post("/auth/send_otp", json=PHONE, headers=KEY)


def check(client, code):
    return client.post("/auth/verify_otp", json=PHONE | {"otp": code}, headers=KEY)


def approval(client, outbox):
    send(client)
    return check(client, outbox.code)


def keys(client):
    return client.get("/.well-known/jwks.json").json["keys"]


def decode(proof, key, audience="shop"):
    return jwt.decode(proof, jwt.PyJWK(key), algorithms=["EdDSA"], audience=audience)


def test_approval_has_a_proof_token_in_a_header(client, outbox):
    earliest = int(time.time())

    response = approval(client, outbox)

    proof = decode(response.headers["OTP-Proof"], keys(client)[0])
    assert response.json == {"VerificationStatus": "approved"}
    assert (proof["sub"], proof["aud"]) == (PHONE["phone"], "shop")
    assert proof["iss"] == "https://otp.example.com"
    assert proof["exp"] - proof["iat"] == 120
    assert earliest <= proof["iat"] <= time.time()


def test_approval_by_verify_v2_has_a_proof_token(app_with, outbox):
    verify = Verify(
        app_with(OTP_PROOF_KEY=SEED, OTP_API_KEYS=f"{ACCOUNT}:{TOKEN}").test_client()
    )
    verify.send()

    wrong = verify.check(different_code(outbox.code)).headers
    right = verify.check(outbox.code).headers

    proof = jwt.decode(right["OTP-Proof"], options={"verify_signature": False})
    assert proof["aud"] == ACCOUNT
    assert "OTP-Proof" not in wrong


def test_every_proof_token_has_its_own_id(client, outbox):
    first, second = (
        decode(approval(client, outbox).headers["OTP-Proof"], keys(client)[0])["jti"]
        for _ in range(2)
    )

    assert first != second


def test_send_and_failed_check_have_no_proof_token(client, outbox):
    sent = send(client)
    wrong = check(client, different_code(outbox.code))

    assert "OTP-Proof" not in sent.headers
    assert "OTP-Proof" not in wrong.headers


def test_proof_token_is_invalid_for_another_audience(client, outbox):
    proof = approval(client, outbox).headers["OTP-Proof"]

    with pytest.raises(jwt.InvalidAudienceError):
        decode(proof, keys(client)[0], audience="bank")


def test_changed_proof_token_is_invalid(client, outbox):
    head, body, signature = approval(client, outbox).headers["OTP-Proof"].split(".")
    forged = f"{head}.{body[:-4]}AAAA.{signature}"

    with pytest.raises(jwt.InvalidTokenError):
        decode(forged, keys(client)[0])


def test_rotation_publishes_both_keys_and_signs_with_the_new_one(app_with, outbox):
    old = app_with(OTP_PROOF_KEY=OLD).test_client()
    new = app_with(OTP_PROOF_KEY=SEED, OTP_PROOF_KEY_PREVIOUS=OLD).test_client()
    before = approval(old, outbox).headers["OTP-Proof"]
    after = approval(new, outbox).headers["OTP-Proof"]

    published = {key["kid"]: key for key in keys(new)}
    assert len(published) == 2
    for proof in (before, after):
        kid = jwt.get_unverified_header(proof)["kid"]
        assert (
            decode(proof, published[kid], audience="anonymous")["sub"] == PHONE["phone"]
        )
    assert jwt.get_unverified_header(after)["kid"] == keys(new)[0]["kid"]


def test_published_key_has_no_private_member(client):
    assert {name for key in keys(client) for name in key} == {
        *("kty", "crv", "x", "kid", "alg", "use")
    }


def test_without_a_key_no_token_is_issued(app_with, outbox):
    client = app_with().test_client()

    assert "OTP-Proof" not in approval(client, outbox).headers
    assert keys(client) == []
