"""Opening a page link, and what the browser keeps of it."""

from __future__ import annotations

import base64
import logging
import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.linked_person import IDENTITY, PROOF_KEY, LinkedPerson
from tests.support.settings import PEPPER

PHONE = "+919445012345"
APP = "https://app.example.com"
RETURNING = {"OTP_RETURN_ORIGINS": APP, "OTP_PROOF_KEY": PROOF_KEY}
# Browsers accept 4,096 bytes of name, value and attributes.
MAX_COOKIE = 4096


@pytest.fixture
def person(client):
    return LinkedPerson(client)


def advance(app, duration):
    """Make the clock of *app* go ahead by *duration*."""
    app.extensions["otp_engine"] = replace(
        app.extensions["otp_engine"], utcnow=lambda: datetime.now(UTC) + duration
    )


def open_url(client, url, **headers):
    parts = urlsplit(url)
    return client.get(f"{parts.path}?{parts.query}", headers=headers)


def cookie_of(client):
    return client.get_cookie("otp_verify", path="/verify").value


def payload_of(cookie):
    data = cookie.removeprefix(".").split(".")[0]
    decoded = base64.urlsafe_b64decode(data + "=" * (-len(data) % 4))
    return zlib.decompress(decoded) if cookie.startswith(".") else decoded


@pytest.mark.parametrize(
    ("page", "location"),
    [("enroll", "/verify/enroll"), ("verify", "/verify?factor=totp")],
)
def test_link_leads_to_its_page_without_its_token(person, page, location):
    url = person.link(page, phone=PHONE if page == "verify" else None).json["url"]

    response = open_url(person.http, url)

    assert (response.status_code, response.headers["Location"]) == (303, location)
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Referrer-Policy"] == "strict-origin"


def test_link_opens_in_one_browser_only(app_with):
    app = app_with()
    person, thief = LinkedPerson(app.test_client()), app.test_client()
    url = person.link("enroll").json["url"]
    person.get(url)

    response = open_url(thief, url)

    assert response.status_code == 400
    assert "expired or was used before" in response.text
    assert person.step == "enroll"


def test_link_opens_again_in_the_same_browser(person):
    url = person.link("enroll").json["url"]
    person.get(url)
    uri = person.app().uri

    person.get(url)

    assert person.app().uri == uri


def test_link_of_a_completed_enrollment_does_not_open_again(person):
    url = person.link("enroll").json["url"]
    person.get(url)
    person.submit("code", otp=person.app().code())

    response = person.get(url)

    assert (response.status_code, person.step) == (400, "none")


def test_link_does_not_open_after_ten_minutes(apps, store):
    app = apps.build()
    person = LinkedPerson(app.test_client())
    url = person.link("enroll").json["url"]
    advance(app, timedelta(minutes=10))

    response = person.get(url)

    assert (response.status_code, person.step) == (400, "none")


def test_page_can_be_used_for_half_an_hour(apps, store):
    app = apps.build()
    person = LinkedPerson(app.test_client())
    person.follow("enroll")

    advance(app, timedelta(minutes=29))
    before = person.get("/verify/enroll").status_code
    advance(app, timedelta(minutes=30))
    after = person.get("/verify/enroll").status_code

    assert (before, after) == (200, 400)


@pytest.mark.parametrize("method", ["get", "head"])
def test_preview_does_not_use_up_the_link(person, method):
    url = person.link("enroll").json["url"]
    parts = urlsplit(url)
    send = getattr(person.http, method)

    response = send(
        f"{parts.path}?{parts.query}", headers={"Sec-Purpose": "prefetch;prerender"}
    )

    assert (response.status_code, response.data) == (403, b"")
    person.get(url)
    assert person.step == "enroll"


@pytest.mark.parametrize("token", ["", "x", "é", "a" * 3000, "A" * 64])
def test_text_that_is_no_token_is_refused(person, token):
    person.link("enroll")

    response = person.http.get("/verify/link", query_string={"token": token})

    assert response.status_code == 400
    assert "expired or was used before" in response.text


def test_link_is_refused_where_no_factor_exists(client):
    assert client.get("/verify/link?token=x").status_code == 400


@pytest.mark.parametrize(
    "path",
    ["/verify?factor=totp", "/verify/enroll", "/verify/enroll/recovery-codes.txt"],
)
def test_page_without_a_link_shows_no_form(client, path):
    response = client.get(path)

    assert response.status_code == 400
    assert "expired or was used before" in response.text
    assert "<form" not in response.text


@pytest.mark.parametrize("path", ["/verify?factor=totp", "/verify/enroll"])
def test_form_without_a_link_does_nothing(client, path):
    response = client.post(path, data={"step": "code", "otp": "123456"})

    assert response.status_code == 400
    assert "<form" not in response.text


def test_link_to_one_page_does_not_open_the_other(person):
    person.follow("enroll")

    assert person.get("/verify?factor=totp").status_code == 400


@pytest.mark.parametrize("path", ["/verify?factor=totp", "/verify/enroll"])
def test_page_without_a_factor_key_shows_an_error(app_with, path):
    app = app_with(OTP_PEPPER=PEPPER, REDIS_URL="redis://localhost:1")

    response = app.test_client().get(path)

    assert response.status_code == 400


def test_cookie_has_nothing_of_an_enrollment_in_plain_text(person):
    person.follow("enroll", name="Alice")

    payload = payload_of(cookie_of(person.http))

    assert b"grant" in payload
    plain = [IDENTITY, "Alice", person.app().totp.secret, *person.recovery_codes()]
    assert not [each for each in plain if each.encode() in payload]


def test_cookie_of_the_longest_link_fits_a_browser(app_with):
    app = app_with(**RETURNING)
    person = LinkedPerson(app.test_client())
    url = f"{APP}/".ljust(1024, "x")

    person.follow(
        "enroll",
        identity="i" * 64,
        name="\U0001f511" * 64,
        return_url=url,
        state="s" * 512,
    )

    assert person.step == "enroll"
    assert len(cookie_of(person.http)) + len("otp_verify=; HttpOnly") < MAX_COOKIE


def test_link_ends_the_use_of_the_link_before(person):
    person.follow("enroll")
    first = person.app().uri

    person.follow("enroll", identity="user-0815")

    assert person.app().uri != first
    assert "user-0815" in person.app().uri


def test_link_with_a_return_target_shows_its_origin(app_with):
    person = LinkedPerson(app_with(**RETURNING).test_client())

    person.follow("enroll", return_url=f"{APP}/back", state="s")

    assert f"→ {APP}" in person.text


def test_language_of_the_link_is_that_of_the_page(person):
    url = person.link("enroll").json["url"]

    person.get(f"{url}&locale=he")

    assert 'lang="he" dir="rtl"' in person.text


def test_menu_of_languages_stays_on_the_page(person):
    person.follow("verify", phone=PHONE)
    assert 'href="/verify?locale=fi&amp;factor=totp"' in person.text

    person.follow("enroll")
    assert 'href="/verify/enroll?locale=fi"' in person.text


def test_log_contains_neither_token_nor_identity_nor_secret(person, caplog):
    caplog.set_level(logging.DEBUG)

    url = person.link("enroll").json["url"]
    person.get(url)
    secret, recovery_codes = person.app().totp.secret, person.recovery_codes()
    person.submit("code", otp=person.app().code())

    [token] = parse_qs(urlsplit(url).query)["token"]
    logged = caplog.text + "".join(str(vars(record)) for record in caplog.records)
    assert "/verify/link" in logged
    assert not [
        each for each in (token, IDENTITY, secret, *recovery_codes) if each in logged
    ]
