from __future__ import annotations

import jwt
import pytest

from tests.support.verify_page import Person

PHONE = "+919445012345"
SEED = "cHJvb2YtcHJvb2YtcHJvb2YtcHJvb2YtcHJvb2YtcHI="
APP = "https://app.example.com"


@pytest.fixture
def returning(app_with):
    def build(**environ):
        settings = {
            "OTP_PEPPER": SEED,
            "OTP_PROOF_KEY": SEED,
            "OTP_RETURN_ORIGINS": f"{APP},http://b.test",
        }
        return Person(app_with(**settings | environ).test_client())

    return build


def test_recipient_returns_to_the_application_with_a_proof(returning):
    person = returning()
    person.open(return_url=f"{APP}/back?a=1", state="x&y")
    person.submit("number", phone=PHONE)
    person.submit("code", otp=person.code())

    key = jwt.PyJWK(person.http.get("/.well-known/jwks.json").json["keys"][0])
    proof = jwt.decode(
        person.field("otp_proof"), key, algorithms=["EdDSA"], audience=APP
    )
    assert (proof["sub"], proof["nonce"]) == (PHONE, "x&y")
    assert person.field("state") == "x&y"
    assert f'<form method="post" action="{APP}/back?a=1" data-return>' in (
        person.response.text
    )
    assert (
        f"form-action 'self' {APP} http://b.test"
        in (person.response.headers["Content-Security-Policy"])
    )


def test_return_target_is_used_once(returning):
    person = returning()
    person.open(return_url=f"{APP}/back", state="s")
    person.submit("number", phone=PHONE)
    person.submit("code", otp=person.code())
    person.open()

    person.submit("number", phone="+919445067890")
    person.submit("code", otp=person.code())

    assert person.step == "done"
    assert person.field("otp_proof") is None


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example.com/",
        "https://app.example.com.evil.example/",
        "https://app.example.com@evil.example/",
        "http://app.example.com/",
        "https://app.example.com:8443/",
        "//app.example.com/",
        "/somewhere",
        "javascript:alert(1)",
        "https:app.example.com",
        "https://[",
        "https://a\u2100b",
        "\x01https://app.example.com/",
        "https://app.example.com/a b",
        f"https://app.example.com/{'x' * 1024}",
        "",
    ],
)
def test_return_url_of_other_origin_is_rejected(returning, url):
    person = returning()

    response = person.open(return_url=url, state="s")
    person.submit("number", phone=PHONE)
    person.submit("code", otp=person.code())

    assert response.status_code == 400
    assert person.field("otp_proof") is None
    assert not url or url not in person.response.text


@pytest.mark.parametrize("state", ["", "x" * 513])
def test_return_without_valid_state_is_rejected(returning, state):
    person = returning()

    response = person.open(return_url=f"{APP}/back", state=state)

    assert response.status_code == 400


@pytest.mark.parametrize(
    "other",
    [
        {"return_url": "http://b.test/", "state": "s"},
        {"return_url": f"{APP}/back", "state": "the attacker's"},
        {"return_url": "https://evil.example.com/", "state": "s"},
    ],
)
def test_different_return_target_invalidates_the_verification(returning, other):
    person = returning()
    person.open(return_url=f"{APP}/back", state="s")
    person.submit("number", phone=PHONE)
    form = {"csrf_token": person.csrf_token(), "step": "code", "otp": person.code()}

    person.open(**other)
    response = person.http.post("/verify", data=form)

    assert response.status_code == 400
    assert "otp_proof" not in response.text
    person.open()
    assert person.step == "number"


def test_removed_origin_receives_no_proof(returning):
    person = returning()
    person.open(return_url="http://b.test/", state="s")
    person.submit("number", phone=PHONE)
    code, form = person.code(), {"csrf_token": person.csrf_token(), "step": "code"}
    later = returning(OTP_RETURN_ORIGINS=APP)
    cookie = person.http.get_cookie("otp_verify", path="/verify")
    later.http.set_cookie("otp_verify", cookie.value, path="/verify")

    response = later.http.post("/verify", data=form | {"otp": code})

    assert "Number verified" in response.text
    assert "otp_proof" not in response.text


def test_recipient_without_return_target_receives_no_proof(app_with):
    person = Person(app_with(OTP_PROOF_KEY=SEED).test_client())
    person.submit("number", phone=PHONE)

    person.submit("code", otp=person.code())

    assert person.step == "done"
    assert "eyJ" not in person.response.text


def test_cookie_contains_no_proof(returning):
    person = returning()
    person.open(return_url=f"{APP}/back", state="s")
    person.submit("number", phone=PHONE)

    person.submit("code", otp=person.code())

    cookie = person.http.get_cookie("otp_verify", path="/verify")
    assert person.field("otp_proof")
    assert cookie is None or len(cookie.value) < 100


def test_proof_of_a_sandbox_number_has_the_test_claim(returning):
    person = returning(OTP_TEST_NUMBERS="+15550100001:123456@2999-01-31")
    person.open(return_url=f"{APP}/back", state="s")
    person.submit("number", phone="+15550100001")

    person.submit("code", otp="123456")

    proof = jwt.decode(person.field("otp_proof"), options={"verify_signature": False})
    assert proof["test"] is True
