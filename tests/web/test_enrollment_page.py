"""`/verify/enroll`: the QR code, the recovery codes and the activation."""

from __future__ import annotations

import re

import jwt
import pyotp
import pytest

from tests.support import qr_svg
from tests.support.linked_person import IDENTITY, PROOF_KEY, LinkedPerson

APP = "https://app.example.com"
RETURNING = {"OTP_RETURN_ORIGINS": APP, "OTP_PROOF_KEY": PROOF_KEY}
ENROLL = "/verify/enroll"


@pytest.fixture
def person(client):
    return LinkedPerson(client)


def qr_code_of(person):
    [svg] = re.findall(r'<div class="qr"[^>]*>(<svg.*?</svg>)', person.text, re.DOTALL)
    return qr_svg.decode(svg)


def key_of(person):
    [key] = re.findall(r'<p class="key"[^>]*>(.*?)</p>', person.text)
    return re.findall(r"<span>(\w+)</span>", key)


def test_qr_code_has_the_uri_of_the_secret(person):
    person.follow("enroll", name="Alice")

    uri = qr_code_of(person)

    assert uri == person.app().uri
    totp = pyotp.parse_uri(uri)
    assert (totp.name, totp.issuer) == ("Alice", "OTP Engine")
    assert totp.secret == "".join(key_of(person))


def test_secret_is_text_in_groups_of_four(person):
    person.follow("enroll")

    groups = key_of(person)

    assert [len(group) for group in groups] == [4] * 8


def test_app_shows_the_identity_without_a_name(person):
    person.follow("enroll")

    assert pyotp.parse_uri(person.app().uri).name == IDENTITY


def test_page_has_ten_recovery_codes(person):
    person.follow("enroll")

    assert len(set(person.recovery_codes())) == 10


def test_reload_shows_the_same_enrollment(person):
    person.follow("enroll")
    before = person.app().uri, person.recovery_codes()

    person.get(ENROLL)

    assert (person.app().uri, person.recovery_codes()) == before


def test_enrollment_is_created_once(person):
    person.follow("enroll")
    for _ in range(3):
        person.get(ENROLL)

    # The code of the first load activates what the last one shows.
    person.submit("code", otp=person.app().code())

    assert person.step == "done"


def test_right_code_activates_the_app(person):
    person.follow("enroll")
    app = person.app()

    response = person.submit("code", otp=app.code(-1))

    assert (response.status_code, person.step, person.notice) == (200, "done", "")
    checked = person.http.post(
        "/auth/totp/verify", json={"identity": IDENTITY, "otp": app.code()}
    )
    assert checked.json == {"VerificationStatus": "approved"}


def test_page_shows_no_secret_after_the_activation(person):
    person.follow("enroll")
    cookie = person.http.get_cookie("otp_verify", path="/verify").value
    secret = person.app().totp.secret
    person.submit("code", otp=person.app().code())
    assert secret not in person.text

    # A copy of the cookie from before.
    person.http.set_cookie("otp_verify", cookie, path="/verify")
    person.get(ENROLL)

    assert person.step == "done"
    assert secret not in person.text
    assert person.recovery_codes() == []


def test_download_of_recovery_codes_ends_with_the_activation(person):
    person.follow("enroll")
    cookie = person.http.get_cookie("otp_verify", path="/verify").value
    person.submit("code", otp=person.app().code())
    person.http.set_cookie("otp_verify", cookie, path="/verify")

    response = person.http.get(f"{ENROLL}/recovery-codes.txt")

    assert response.status_code == 400


def test_wrong_code_keeps_the_enrollment(person):
    person.follow("enroll")
    app, recovery_codes = person.app(), person.recovery_codes()

    response = person.submit("code", otp=app.wrong_code())

    assert (response.status_code, person.step) == (200, "enroll")
    assert person.notice == "That code is not right. 4 attempts left."
    assert (person.app().uri, person.recovery_codes()) == (app.uri, recovery_codes)


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "abc"])
def test_text_that_is_no_code_stays_and_is_no_attempt(person, typed):
    person.follow("enroll")
    app = person.app()

    response = person.submit("code", otp=typed)

    assert response.status_code == 400
    assert (person.notice, person.typed("otp")) == ("The code has 6 digits.", typed)
    person.submit("code", otp=app.wrong_code())
    assert person.notice.endswith("4 attempts left.")


def test_fifth_wrong_code_needs_a_new_qr_code(person):
    person.follow("enroll")
    app = person.app()
    for _ in range(5):
        person.submit("code", otp=app.wrong_code())

    assert person.step == "again"
    assert person.notice == "Too many wrong codes. Start again with a new QR code."
    person.get(ENROLL)
    assert person.step == "again"
    person.submit("again")
    assert person.app().uri != app.uri
    person.submit("code", otp=person.app().code())
    assert person.step == "done"


def test_enrollment_that_another_one_replaced_needs_a_new_qr_code(person):
    person.follow("enroll")
    app = person.app()
    person.http.post("/auth/totp/enroll", json={"identity": IDENTITY})

    person.submit("code", otp=app.code())

    assert person.step == "again"
    assert person.notice == "This QR code no longer works. Start again with a new one."
    person.submit("again")
    person.submit("code", otp=person.app().code())
    assert person.step == "done"


def test_copy_of_the_cookie_enrolls_no_app_after_the_activation(app_with):
    app = app_with()
    person, thief = (LinkedPerson(app.test_client()) for _ in range(2))
    person.follow("enroll")
    enrolled, form = person.app(), person.csrf_token()
    copied = person.http.get_cookie("otp_verify", path="/verify")
    person.submit("code", otp=enrolled.code(-1))
    thief.http.set_cookie("otp_verify", copied.value, path="/verify")

    thief.http.post(ENROLL, data={"csrf_token": form, "step": "again"})

    assert "otpauth:" not in thief.get(ENROLL).text
    assert thief.step == "done"


def test_first_app_works_until_the_second_is_activated(person):
    first, _ = person.enroll()
    person.follow("enroll")
    assert "This replaces the app that you set up before." in person.text
    second = person.app()

    by_first = person.http.post(
        "/auth/totp/verify", json={"identity": IDENTITY, "otp": first.code()}
    )
    person.submit("code", otp=second.code(-1))
    after = person.http.post(
        "/auth/totp/verify", json={"identity": IDENTITY, "otp": first.code(1)}
    )

    assert by_first.json == {"VerificationStatus": "approved"}
    assert person.step == "done"
    assert after.json == {"VerificationStatus": "pending"}


def test_first_enrollment_replaces_nothing(person):
    person.follow("enroll")

    assert "This replaces the app" not in person.text


def test_recovery_codes_are_downloaded_as_a_file_with_the_account(person):
    person.follow("enroll", name="Zoë")

    response = person.http.get(f"{ENROLL}/recovery-codes.txt")

    assert response.mimetype == "text/plain"
    assert response.text.splitlines() == [
        *("OTP Engine: Zoë", ""),
        *person.recovery_codes(),
    ]
    assert response.headers["Content-Disposition"] == (
        "attachment; filename=recovery-codes.txt"
    )
    assert response.headers["Cache-Control"] == "no-store"


def test_buttons_of_the_same_name_have_different_descriptions(person):
    person.follow("enroll")

    buttons = re.findall(r"<button[^>]* data-copy=[^>]*>Copy<", person.text)

    ids = [re.findall(r'aria-describedby="([^"]+)"', each)[0] for each in buttons]
    assert ids == ["key-label", "codes"]
    assert all(f'id="{each}"' in person.text for each in ids)


def test_recovery_codes_of_the_page_work(person):
    _, [code, *_] = person.enroll()

    checked = person.http.post(
        "/auth/totp/verify", json={"identity": IDENTITY, "recovery_code": code}
    )

    assert checked.json == {"VerificationStatus": "approved"}


def test_result_of_the_activation_has_no_text_about_used_recovery_codes(person):
    person.enroll()

    assert "recovery code" not in person.text


def test_person_returns_to_the_application_at_once(app_with):
    person = LinkedPerson(app_with(**RETURNING).test_client())
    person.follow("enroll", return_url=f"{APP}/back", state="s")

    person.submit("code", otp=person.app().code())

    assert f'action="{APP}/back" data-return>' in person.text


def test_person_returns_to_the_application_with_a_proof(app_with):
    person = LinkedPerson(app_with(**RETURNING).test_client())
    person.follow("enroll", return_url=f"{APP}/back", state="s")

    person.submit("code", otp=person.app().code())

    key = jwt.PyJWK(person.http.get("/.well-known/jwks.json").json["keys"][0])
    claims = jwt.decode(
        person.field("otp_proof"), key, algorithms=["EdDSA"], audience=APP
    )
    assert (claims["sub"], claims["factor"], claims["nonce"]) == (IDENTITY, "totp", "s")


@pytest.mark.parametrize("csrf_token", ["", "forged", "é"])
def test_form_without_valid_csrf_token_activates_nothing(person, csrf_token):
    person.follow("enroll")
    code = person.app().code()

    response = person.submit("code", otp=code, csrf_token=csrf_token)

    assert (response.status_code, person.step) == (400, "enroll")
    assert person.typed("otp") == code
    person.submit("code", otp=code)
    assert person.step == "done"


def test_eleventh_enrollment_of_an_hour_is_refused(app_with):
    person = LinkedPerson(app_with(OTP_CHECKS_PER_IP="off").test_client())
    for _ in range(10):
        person.follow("enroll")

    response = person.follow("enroll")

    assert (response.status_code, person.step) == (429, "none")
    assert person.notice.startswith("Too many requests. Try again in")


def test_page_stays_below_its_content_security_policy(person):
    person.follow("enroll")

    policy = person.response.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "style=" not in person.text
    assert "<style" not in person.text
