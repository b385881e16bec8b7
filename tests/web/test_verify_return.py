from __future__ import annotations

import html
import re

import jwt
import pytest

from otp_engine import config
from otp_engine.app import create_app
from tests.support.fakes import (
    FakeSender,
    by_name,
)
from tests.support.settings import PRODUCTION
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

    assert (response.status_code, person.step) == (400, "none")
    assert not url or url not in response.text
    person.open()
    person.submit("number", phone=PHONE)
    person.submit("code", otp=person.code())
    assert person.field("otp_proof") is None


NO_ORIGIN = (
    "The origin of return_url is not in OTP_RETURN_ORIGINS: scheme, host and port must"
    " be equal."
)
REJECTED = [
    ({"return_url": f"{APP}/"}, "The parameter state is missing or empty."),
    (
        {"return_url": f"{APP}/", "state": ""},
        "The parameter state is missing or empty.",
    ),
    (
        {"return_url": f"{APP}/", "state": "x" * 513},
        "state has more than 512 characters.",
    ),
    (
        {"return_url": f"{APP}/", "state": ["s", "t"]},
        "The parameter state occurs more than once.",
    ),
    ({"state": "s"}, "The parameter return_url is missing."),
    (
        {"return_url": [f"{APP}/", "http://b.test/"], "state": "s"},
        "The parameter return_url occurs more than once.",
    ),
    (
        {"return_url": f"{APP}/{'x' * 1024}", "state": "s"},
        "return_url has more than 1024 characters.",
    ),
    (
        {"return_url": f"{APP}/a b", "state": "s"},
        "return_url has a character that a URL must percent-encode.",
    ),
    (
        {"return_url": "https://app.example.com:8443/9445012345", "state": "s"},
        NO_ORIGIN,
    ),
]
REJECTED_IDS = [
    *("no state", "empty state", "long state", "two states", "no URL", "two URLs"),
    *("long URL", "space", "origin"),
]


@pytest.mark.parametrize(("query", "reason"), REJECTED, ids=REJECTED_IDS)
def test_rejected_link_shows_one_sentence_and_no_form(returning, caplog, query, reason):
    person = returning()

    response = person.open(**query)

    assert response.status_code == 400
    assert person.notice == (
        "The link that led you here does not work. Go back, and try again."
    )
    assert person.step == "none"
    assert not re.search('<form|<input|<button|href="/verify', response.text)
    assert reason in html.unescape(response.text)
    [line] = [r for r in caplog.records if r.name == "otp_engine.web.verify"]
    assert line.getMessage() == f"a link to /verify is rejected: {reason}"


@pytest.mark.parametrize(("query", "reason"), REJECTED[:1])
def test_only_the_log_has_the_reason_outside_dev_mode(store, caplog, query, reason):
    environ = {
        "OTP_VERIFY_PAGE": "1",
        "OTP_PUBLIC_URL": "https://otp.example.com",
        "OTP_PROOF_KEY": SEED,
        "OTP_RETURN_ORIGINS": APP,
    }
    settings = config.load(PRODUCTION | environ)
    app = create_app(settings, store=store, senders=by_name(FakeSender()))

    response = Person(app.test_client()).open(**query)

    assert response.status_code == 400
    assert reason not in response.text
    assert reason in caplog.text


def test_log_of_a_rejected_link_contains_nothing_of_it(returning, caplog):
    caplog.set_level("INFO")

    returning().open(return_url="https://9445012345.example.com/", state="secret-s")

    assert "9445012345" not in caplog.text
    assert "secret-s" not in caplog.text


def test_link_without_configured_origins_names_the_setting(app_with):
    person = Person(app_with().test_client())

    person.open(return_url=f"{APP}/", state="s")

    assert "OTP_RETURN_ORIGINS is not set." in person.response.text


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
