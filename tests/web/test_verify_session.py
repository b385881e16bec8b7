from __future__ import annotations

import base64
import zlib

import pytest

from tests.support.fakes import different_code
from tests.support.verify_page import Person

PHONE = "+919445012345"


def test_other_browser_with_same_number_has_its_own_attempts(app_with):
    app = app_with(OTP_RESEND_COOLDOWN="45s")
    person, other = Person(app.test_client()), Person(app.test_client())
    person.submit("number", phone=PHONE)
    code = person.code()
    other.submit("number", phone=PHONE)
    for _ in range(6):
        other.submit("code", otp=different_code(code, other.code()))
    assert other.response.status_code == 429

    person.submit("code", otp=code)

    assert person.step == "done"


def test_code_of_another_browser_is_wrong(app_with):
    app = app_with()
    person, other = Person(app.test_client()), Person(app.test_client())
    person.submit("number", phone=PHONE)
    code = person.code()
    other.submit("number", phone=PHONE)
    if other.code() == code:
        other.submit("resend")

    other.submit("code", otp=code)

    assert other.step == "code"


def test_cookie_contains_no_number(client):
    person = Person(client)

    person.submit("number", phone=PHONE)

    cookie = client.get_cookie("otp_verify", path="/verify").value
    payload = cookie.split(".")[0] or cookie.split(".")[1]
    text = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    plain = zlib.decompress(text) if cookie.startswith(".") else text
    assert b"handle" in plain
    assert PHONE.removeprefix("+91").encode() not in plain


@pytest.mark.parametrize("csrf_token", ["", "forged", "é"])
def test_form_without_valid_csrf_token_sends_nothing(person, csrf_token):
    person.csrf_token()

    response = person.http.post(
        "/verify", data={"csrf_token": csrf_token, "step": "number", "phone": PHONE}
    )

    assert response.status_code == 400
    assert person.http.get("/dev/inbox.json").json == {"messages": []}


def test_forged_cookie_is_ignored(person):
    person.submit("number", phone=PHONE)
    person.http.set_cookie("otp_verify", "eyJwaG9uZSI6IjEifQ.forged", path="/verify")

    person.open()

    assert person.step == "number"


def test_cookie_is_http_only_and_limited_to_the_page(person):
    cookie = person.response.headers["Set-Cookie"]

    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/verify" in cookie
    assert "Secure" not in cookie


def test_cookie_is_secure_with_https_public_url(app_with):
    client = app_with(OTP_PUBLIC_URL="https://otp.example.com").test_client()

    assert "Secure" in client.get("/verify").headers["Set-Cookie"]


def test_cookie_is_secure_after_a_request_over_tls(client):
    response = client.get("/verify", base_url="https://otp.example.com")

    assert "Secure" in response.headers["Set-Cookie"]


def test_refused_send_reveals_no_pending_verification(app_with):
    client = app_with(OTP_SENDS_PER_IP="1/1h").test_client()
    elsewhere = {"REMOTE_ADDR": "203.0.113.9"}
    client.post("/auth/send_otp", json={"phone": PHONE}, environ_base=elsewhere)
    other = Person(client)
    other.submit("number", phone="+919445067890")
    other.submit("change")

    seen = []
    for phone in (PHONE, "+919876501234"):
        response = other.submit("number", phone=phone)
        seen.append((response.status_code, other.step, other.notice))

    assert seen[0] == seen[1]
    assert seen[0][:2] == (429, "number")


def test_log_contains_no_number_and_no_code(person, caplog):
    caplog.set_level("INFO")
    person.submit("number", phone=PHONE)
    code = person.code()
    person.submit("code", otp=code)

    assert "9445012345" not in caplog.text
    assert code not in caplog.text


def test_refusal_is_logged_with_error_and_limit(app_with, caplog):
    caplog.set_level("INFO")
    person = Person(app_with(OTP_SENDS_PER_PHONE="1/1h").test_client())
    person.submit("number", phone=PHONE)
    person.submit("resend")

    [line] = [r for r in caplog.records if getattr(r, "limit", None)]
    assert (line.error, line.limit) == ("rate_limited", "sends_per_phone")
