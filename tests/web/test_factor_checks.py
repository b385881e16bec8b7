"""`/verify?factor=totp`: the code of an authenticator, without scripts."""

from __future__ import annotations

import re

import jwt
import pytest

from tests.support.linked_person import (
    IDENTITY,
    PROOF_KEY,
    AuthenticatorApp,
    LinkedPerson,
)

PHONE = "+919445012345"
APP = "https://app.example.com"
RETURNING = {"OTP_RETURN_ORIGINS": APP, "OTP_PROOF_KEY": PROOF_KEY}
UNKNOWN = "zzzzz-zzzzz"


@pytest.fixture
def person(client):
    return LinkedPerson(client)


@pytest.fixture
def app(person) -> AuthenticatorApp:
    return person.enroll()[0]


def claims_of(person):
    key = jwt.PyJWK(person.http.get("/.well-known/jwks.json").json["keys"][0])
    token = person.field("otp_proof")
    return jwt.decode(token, key, algorithms=["EdDSA"], audience=APP)


def test_page_has_one_field_that_a_password_manager_fills_in(person, app):
    person.follow("verify")

    [field] = re.findall(r"<input id[^>]*>", person.text)
    assert 'name="otp"' in field
    assert 'autocomplete="one-time-code"' in field
    assert 'inputmode="numeric"' in field
    assert person.step == "totp"


def test_right_code_is_accepted(person, app):
    person.follow("verify")

    response = person.submit("code", otp=app.code())

    assert (response.status_code, person.step, person.notice) == (200, "done", "")


def test_code_with_spaces_is_accepted(person, app):
    person.follow("verify")
    code = app.code()

    person.submit("code", otp=f" {code[:3]} {code[3:]} ")

    assert person.step == "done"


def test_code_that_was_used_is_wrong(person, app):
    person.follow("verify")
    code = app.code()
    person.submit("code", otp=code)
    person.follow("verify")

    person.submit("code", otp=code)

    assert person.step == "totp"
    assert person.notice.endswith("9 attempts left.")
    assert person.typed("otp") == ""


@pytest.mark.parametrize("typed", ["12345", "1234567", "abc"])
def test_text_that_is_no_code_stays_and_is_no_attempt(person, app, typed):
    person.follow("verify")

    response = person.submit("code", otp=typed)

    assert response.status_code == 400
    assert (person.notice, person.typed("otp")) == ("The code has 6 digits.", typed)
    person.submit("code", otp=app.wrong_code())
    assert person.notice.endswith("9 attempts left.")


def test_authenticator_is_locked_after_its_failed_checks(app_with):
    person = LinkedPerson(app_with(OTP_FAILED_CHECKS_PER_FACTOR="2/1h").test_client())
    app, _ = person.enroll()
    person.follow("verify")

    notices = []
    for _ in range(2):
        person.submit("code", otp=app.wrong_code())
        notices.append(person.notice)
    refused = person.submit("code", otp=app.code())

    assert notices[0].endswith("1 attempt left.")
    assert notices[1].startswith("Too many wrong codes. Try again in 60")
    assert person.notice.startswith("Too many wrong codes. Try again in 60")
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 3000


def test_person_returns_to_the_application_with_a_proof_of_the_identity(app_with):
    person = LinkedPerson(app_with(**RETURNING).test_client())
    app, _ = person.enroll()
    person.follow("verify", return_url=f"{APP}/back?a=1", state="x&y")

    person.submit("code", otp=app.code())

    claims = claims_of(person)
    assert (claims["sub"], claims["factor"]) == (IDENTITY, "totp")
    assert claims["nonce"] == "x&y"
    assert f'action="{APP}/back?a=1" data-return>' in person.text


def test_proof_is_issued_once(app_with):
    person = LinkedPerson(app_with(**RETURNING).test_client())
    app, _ = person.enroll()
    person.follow("verify", return_url=f"{APP}/back", state="s")
    person.submit("code", otp=app.code())

    response = person.get("/verify?factor=totp")

    assert (response.status_code, person.field("otp_proof")) == (400, None)


def test_recovery_code_is_accepted_once(app_with):
    person = LinkedPerson(app_with(**RETURNING).test_client())
    _, recovery_codes = person.enroll()
    person.follow("verify", return_url=f"{APP}/back", state="s")
    person.get("/verify?factor=totp&method=recovery")
    assert person.step == "recovery"

    person.submit("recovery", recovery_code=recovery_codes[3].upper())

    assert person.step == "done"
    assert "You have 9 recovery codes left." in person.text
    assert (claims_of(person)["sub"], claims_of(person)["factor"]) == (
        IDENTITY,
        "recovery_code",
    )
    person.follow("verify")
    person.get("/verify?factor=totp&method=recovery")
    person.submit("recovery", recovery_code=recovery_codes[3])
    assert person.notice == "That recovery code is not right. 9 attempts left."


def test_page_waits_while_it_shows_how_many_recovery_codes_are_left(app_with):
    person = LinkedPerson(app_with(**RETURNING).test_client())
    _, [code, *_] = person.enroll()
    person.follow("verify", return_url=f"{APP}/back", state="s")
    person.get("/verify?factor=totp&method=recovery")

    person.submit("recovery", recovery_code=code)

    assert 'data-return="later"' in person.text


def test_form_of_recovery_codes_keeps_what_was_typed(person, app):
    person.follow("verify")
    person.get("/verify?factor=totp&method=recovery")

    response = person.submit("recovery", recovery_code="abc")

    assert response.status_code == 400
    assert (person.step, person.typed("recovery_code")) == ("recovery", "abc")
    assert person.notice == "A recovery code has 10 letters and digits."


def test_last_recovery_code_shows_that_none_is_left(app_with):
    app = app_with(OTP_CHECKS_PER_IP="off")
    person = LinkedPerson(app.test_client())
    authenticator, recovery_codes = person.enroll()
    for code in recovery_codes:
        person.follow("verify")
        person.get("/verify?factor=totp&method=recovery")
        person.submit("recovery", recovery_code=code)

    assert "You have no recovery codes left." in person.text
    person.follow("verify")
    assert "method=recovery" not in person.text
    person.submit("code", otp=authenticator.code())
    assert person.step == "done"


def test_identity_without_authenticator_shows_that_none_is_set_up(person):
    person.follow("verify", phone=PHONE)

    assert person.step == "missing"
    assert person.notice == "No authenticator app is set up for you here."
    assert person.response.status_code == 200


def test_authenticator_that_was_deleted_meanwhile_is_missing(person, app):
    person.follow("verify")
    person.http.delete("/auth/totp", json={"identity": IDENTITY})

    response = person.submit("code", otp=app.code())

    assert (response.status_code, person.step) == (404, "missing")


def test_message_to_the_number_of_the_link_takes_the_place_of_the_app(app_with):
    person = LinkedPerson(app_with(**RETURNING).test_client())
    person.enroll()
    person.follow("verify", phone=PHONE, return_url=f"{APP}/back", state="s")
    assert 'Send a code to <span class="number">+91******2345</span>' in person.text

    person.submit("message")
    assert person.step == "code"
    person.submit("code", otp=person.code())

    claims = claims_of(person)
    assert (claims["sub"], claims["nonce"]) == (PHONE, "s")
    assert "factor" not in claims


def test_form_of_a_message_leads_back_to_the_app(person, app):
    person.follow("verify", phone=PHONE)
    person.submit("message")
    assert 'value="change"' not in person.text
    assert 'href="/verify?factor=totp"' in person.text

    person.get("/verify?factor=totp")
    person.submit("code", otp=app.code())

    assert person.step == "done"


def test_second_message_continues_its_verification(app_with):
    person = LinkedPerson(app_with(OTP_RESEND_COOLDOWN="45s").test_client())
    person.follow("verify", phone=PHONE)
    person.submit("message")
    code = person.code()
    person.get("/verify?factor=totp")

    person.submit("message")

    assert (person.step, person.notice) == (
        "code",
        "We sent you a code a moment ago.",
    )
    person.submit("code", otp=code)
    assert person.step == "done"


def test_link_without_a_number_sends_no_message(person, app):
    person.follow("verify")
    assert 'value="message"' not in person.text

    person.submit("message")

    assert person.step == "totp"
    assert person.http.get("/dev/inbox.json").json["messages"] == []


def test_refused_message_keeps_the_form_of_the_app(app_with):
    person = LinkedPerson(app_with(OTP_ALLOWED_COUNTRIES="GB").test_client())
    person.enroll()
    person.follow("verify", phone=PHONE)

    response = person.submit("message")

    assert (response.status_code, person.step) == (403, "totp")
    assert person.notice == "Numbers of this country cannot be verified here."


@pytest.mark.parametrize("csrf_token", ["", "forged", "é"])
def test_form_without_valid_csrf_token_checks_nothing(person, app, csrf_token):
    person.follow("verify")
    code = app.code()

    response = person.submit("code", otp=code, csrf_token=csrf_token)

    assert (response.status_code, person.step) == (400, "totp")
    assert (person.notice, person.typed("otp")) == (
        "This page was open for too long. Try again.",
        code,
    )
    person.submit("code", otp=code)
    assert person.step == "done"


def test_unknown_step_shows_the_form_again(person, app):
    person.follow("verify")

    person.submit("unknown")

    assert person.step == "totp"


def test_other_identity_has_its_own_authenticator(app_with):
    application = app_with()
    alice = LinkedPerson(application.test_client())
    app, _ = alice.enroll()
    bob = LinkedPerson(application.test_client())
    bob.follow("enroll", identity="user-0815")
    bob.submit("code", otp=bob.app().code(-1))
    bob.follow("verify", identity="user-0815")

    bob.submit("code", otp=app.code())

    assert bob.step == "totp"


def test_page_of_messages_is_as_before_while_a_link_is_in_use(person):
    person.follow("verify", phone=PHONE)

    person.get("/verify")

    assert person.step == "number"
