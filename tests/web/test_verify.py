from __future__ import annotations

import base64
import html
import re
import zlib
from datetime import timedelta

import jwt
import pytest

from otp_engine import config
from otp_engine.app import create_app
from otp_engine.errors import DeliveryUnconfirmed
from otp_engine.web.translations import TRANSLATIONS
from tests.ageing import age
from tests.fakes import Outbox, other_than
from tests.support.settings import RELAXED

PHONE = "+919445012345"
SEED = "cHJvb2YtcHJvb2YtcHJvb2YtcHJvb2YtcHJvb2YtcHI="
APP = "https://app.example.com"


@pytest.fixture
def person(http):
    return Person(http)


class Person:
    def __init__(self, http, **headers):
        self.http, self.headers = http, headers
        self.response = self.open()

    def open(self, **query):
        self.response = self.http.get(
            "/verify", query_string=query, headers=self.headers
        )
        return self.response

    def submit(self, step, **fields):
        self.response = self.http.post(
            "/verify",
            data={"csrf_token": self.csrf_token(), "step": step} | fields,
            headers=self.headers,
        )
        if self.response.status_code == 303:
            return self.open()
        return self.response

    def csrf_token(self):
        return re.findall(r'name="csrf_token" value="([^"]+)"', self.response.text)[0]

    def field(self, name):
        values = re.findall(rf'name="{name}" value="([^"]*)"', self.response.text)
        return html.unescape(values[0]) if values else None

    @property
    def step(self):
        return re.findall(r'data-step="(\w+)"', self.response.text)[0]

    @property
    def notice(self):
        [text] = re.findall(r'role="alert">(.*?)</p>', self.response.text)
        return html.unescape(text)

    def code(self):
        [newest, *_] = self.http.get("/dev/inbox.json").json["messages"]
        return newest["code"]


def test_number_then_code_completes_the_verification(person):
    steps = [person.step]
    person.submit("number", phone="94450 12345")
    steps.append(person.step)
    shown = person.response.text
    person.submit("code", otp=person.code())
    steps.append(person.step)

    assert steps == ["number", "code", "done"]
    assert "+91******2345" in shown
    assert "9445012345" not in shown


def test_completed_page_is_shown_once(person):
    person.submit("number", phone=PHONE)
    person.submit("code", otp=person.code())

    person.open()

    assert person.step == "number"


@pytest.mark.parametrize("format_", ["{0} {1}", "{0}-{1}", " {0}{1} "])
def test_code_with_separators_is_approved(person, format_):
    person.submit("number", phone=PHONE)
    code = person.code()

    person.submit("code", otp=format_.format(code[:3], code[3:]))

    assert person.step == "done"


def test_wrong_code_shows_remaining_attempts(person):
    person.submit("number", phone=PHONE)

    person.submit("code", otp=other_than(person.code()))

    assert person.notice == "That code is not right. Attempts left: 4."
    assert person.step == "code"
    assert 'aria-invalid="true"' in person.response.text


def test_malformed_code_uses_no_attempt(person):
    person.submit("number", phone=PHONE)

    response = person.submit("code", otp="abc")

    assert response.status_code == 400
    assert person.notice == "A code is 4 to 10 digits."
    person.submit("code", otp=other_than(person.code()))
    assert "left: 4" in person.notice


def test_check_after_the_last_attempt_shows_the_wait(app_with):
    person = Person(app_with(OTP_MAX_CHECKS="1").test_client())
    person.submit("number", phone=PHONE)
    person.submit("code", otp=other_than(person.code()))

    response = person.submit("code", otp=person.code())

    assert response.status_code == 429
    assert person.notice == "Too many wrong codes. Ask for a new code in 10 min."
    assert response.headers["Retry-After"] == "600"


def test_resend_replaces_the_code(person):
    person.submit("number", phone=PHONE)
    first = person.code()

    person.submit("resend")

    assert person.notice == "A new code is on its way."
    assert person.code() != first
    person.submit("code", otp=person.code())
    assert person.step == "done"


def test_page_shows_the_time_until_a_resend(app_with):
    person = Person(app_with(OTP_RESEND_COOLDOWN="45s").test_client())

    person.submit("number", phone=PHONE)

    assert person.response.headers["OTP-Resend-After"] == "50"
    assert 'data-resend-after="50"' in person.response.text
    assert person.submit("resend").status_code == 429
    assert person.notice == "Too many requests. Try again in 50 s."


def test_same_number_again_continues_its_verification(app_with):
    person = Person(app_with(OTP_RESEND_COOLDOWN="45s").test_client())
    person.submit("number", phone=PHONE)
    person.submit("change")

    response = person.submit("number", phone=PHONE)

    assert (response.status_code, person.step) == (429, "code")
    person.submit("code", otp=person.code())
    assert person.step == "done"


def test_repeated_submission_sends_one_message(app_with):
    person = Person(app_with(OTP_RESEND_COOLDOWN="45s").test_client())
    form = {"csrf_token": person.csrf_token(), "step": "number", "phone": PHONE}
    for _ in range(2):
        person.http.post("/verify", data=form)

    person.open()
    person.submit("code", otp=person.code())

    assert person.step == "done"
    assert len(person.http.get("/dev/inbox.json").json["messages"]) == 1


def test_different_number_starts_a_new_verification(app_with):
    person = Person(app_with(OTP_RESEND_COOLDOWN="45s").test_client())
    person.submit("number", phone=PHONE)
    person.submit("change")

    response = person.submit("number", phone="+919445067890")

    assert (response.status_code, person.step) == (200, "code")


def test_other_browser_with_same_number_has_its_own_attempts(app_with):
    app = app_with(OTP_RESEND_COOLDOWN="45s")
    person, other = Person(app.test_client()), Person(app.test_client())
    person.submit("number", phone=PHONE)
    code = person.code()
    other.submit("number", phone=PHONE)
    for _ in range(6):
        other.submit("code", otp=other_than(code, other.code()))
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


def test_cookie_contains_no_number(http):
    person = Person(http)

    person.submit("number", phone=PHONE)

    cookie = http.get_cookie("otp_verify", path="/verify").value
    payload = cookie.split(".")[0] or cookie.split(".")[1]
    text = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    plain = zlib.decompress(text) if cookie.startswith(".") else text
    assert b"handle" in plain
    assert PHONE.removeprefix("+91").encode() not in plain


def test_resend_after_expiry_starts_a_new_verification(app_with, client):
    person = Person(app_with().test_client())
    person.submit("number", phone=PHONE)
    age(client, timedelta(minutes=10))

    person.submit("resend")

    person.submit("code", otp=person.code())
    assert person.step == "done"


def test_change_returns_to_the_number_form(person):
    person.submit("number", phone=PHONE)

    person.submit("change")

    assert person.step == "number"


@pytest.mark.parametrize(
    ("environ", "phone", "notice"),
    [
        ({}, "", "This is not a phone number"),
        ({}, "12", "This is not a phone number"),
        (
            {"OTP_ALLOWED_COUNTRIES": "US"},
            PHONE,
            "Numbers of this country cannot be verified here.",
        ),
        ({}, "+912224935555", "This number cannot get text messages."),
        ({"OTP_SENDING": "off"}, PHONE, "This does not work right now."),
    ],
)
def test_rejected_number_shows_error_and_keeps_step(app_with, environ, phone, notice):
    person = Person(app_with(**environ).test_client())

    response = person.submit("number", phone=phone)

    assert person.notice.startswith(notice)
    assert person.step == "number"
    assert response.status_code in {400, 403, 503}


def test_expired_code_returns_to_the_number_form(person, client):
    person.submit("number", phone=PHONE)
    code = person.code()
    client.delete(*[key for key in client.keys("*") if b"verification" in key])

    response = person.submit("code", otp=code)

    assert (response.status_code, person.step) == (404, "number")
    assert person.notice == "This code has expired. Ask for a new one."


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
    http = app_with(OTP_PUBLIC_URL="https://otp.example.com").test_client()

    assert "Secure" in http.get("/verify").headers["Set-Cookie"]


@pytest.mark.parametrize("path", ["/verify", "/dev/inbox", "/docs"])
def test_page_loads_only_own_resources_and_has_no_inline_script(http, path):
    response = http.get(path)

    policy = response.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self';")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert response.headers["Referrer-Policy"] == "strict-origin"
    assert not re.findall(r"""(?:src|href)=["'](?:https?:)?//""", response.text)
    assert not re.findall(r"<(?:script|style)>|\sstyle=|\son\w+=", response.text)


@pytest.mark.parametrize(
    ("accepted", "locale"),
    [("hi-IN,en;q=0.5", "hi"), ("ar", "ar"), ("es-MX", "es"), ("tlh", "en")],
)
def test_page_language_follows_accept_language(http, accepted, locale):
    text = http.get("/verify", headers={"Accept-Language": accepted}).text

    assert f'<html lang="{locale}" dir="{TRANSLATIONS[locale].direction}">' in text
    assert TRANSLATIONS[locale].get("title") in text


def test_selected_language_stays_and_applies_to_the_message(person):
    person.open(locale="es")

    person.submit("number", phone=PHONE)

    assert person.response.text.startswith('<!doctype html>\n<html lang="es"')
    [message] = person.http.get("/dev/inbox.json").json["messages"]
    assert message["locale"] == "es"


def test_every_language_has_the_same_keys():
    keys = {locale: set(texts.strings) for locale, texts in TRANSLATIONS.items()}

    assert {"en", "hi", "es", "ar"} <= set(keys)
    assert all(keys[locale] == keys["en"] for locale in keys)


def test_every_language_has_the_same_placeholders():
    placeholders = {
        locale: {key: re.findall(r"{\w*}", text) for key, text in texts.strings.items()}
        for locale, texts in TRANSLATIONS.items()
    }

    assert all(placeholders[locale] == placeholders["en"] for locale in placeholders)


def test_message_contains_the_domain_for_webotp(app_with):
    person = Person(app_with(OTP_PUBLIC_URL="http://otp.example.com").test_client())

    person.submit("number", phone=PHONE)

    [message] = person.http.get("/dev/inbox.json").json["messages"]
    assert message["body"].endswith(f"\n@otp.example.com #{message['code']}")
    assert message["segments"] == 1


def test_sends_count_by_the_persons_ip(app_with):
    http = app_with(OTP_SENDS_PER_IP="1/1h").test_client()
    person = Person(http)
    person.submit("number", phone=PHONE)
    person.submit("change")

    response = person.submit("number", phone="+919445067890")

    assert response.status_code == 429


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


def test_person_returns_to_the_application_with_a_proof(returning):
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


def test_person_without_return_target_gets_no_proof(app_with):
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


def test_proof_of_a_test_number_has_the_test_claim(returning):
    person = returning(OTP_TEST_NUMBERS="+15550100001:123456@2999-01-31")
    person.open(return_url=f"{APP}/back", state="s")
    person.submit("number", phone="+15550100001")

    person.submit("code", otp="123456")

    proof = jwt.decode(person.field("otp_proof"), options={"verify_signature": False})
    assert proof["test"] is True


def test_rejected_send_reveals_no_pending_verification(app_with):
    http = app_with(OTP_SENDS_PER_IP="1/1h").test_client()
    elsewhere = {"REMOTE_ADDR": "203.0.113.9"}
    http.post("/auth/send_otp", json={"phone": PHONE}, environ_base=elsewhere)
    other = Person(http)
    other.submit("number", phone="+919445067890")
    other.submit("change")

    seen = []
    for phone in (PHONE, "+919876501234"):
        response = other.submit("number", phone=phone)
        seen.append((response.status_code, other.step, other.notice))

    assert seen[0] == seen[1]
    assert seen[0][:2] == (429, "number")


def test_unknown_step_changes_nothing(person):
    person.submit("number", phone=PHONE)

    person.submit("")

    assert person.step == "code"


def test_rejection_is_logged_with_error_and_limit(app_with, caplog):
    caplog.set_level("INFO")
    person = Person(app_with(OTP_SENDS_PER_PHONE="1/1h").test_client())
    person.submit("number", phone=PHONE)
    person.submit("resend")

    [line] = [r for r in caplog.records if getattr(r, "limit", None)]
    assert (line.error, line.limit) == ("rate_limited", "sends_per_phone")


def test_disabled_page_is_404(app_with):
    assert app_with(OTP_VERIFY_PAGE="0").test_client().get("/verify").status_code == 404


def test_http_error_is_an_html_page(http):
    response = http.delete("/verify")

    assert response.status_code == 405
    assert response.content_type.startswith("text/html")
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert "<form" not in response.text


def test_log_contains_no_number_and_no_code(person, caplog):
    caplog.set_level("INFO")
    person.submit("number", phone=PHONE)
    code = person.code()
    person.submit("code", otp=code)

    assert "9445012345" not in caplog.text
    assert code not in caplog.text


@pytest.mark.parametrize(
    ("color", "text_color"), [("#ffd400", "#000"), ("#1b3a8a", "#fff")]
)
def test_buttons_have_the_configured_color_and_readable_text(
    app_with, color, text_color
):
    style = app_with(OTP_COLOR=color).test_client().get("/assets/color.css")

    assert style.content_type.startswith("text/css")
    assert f"--button: {color}; --on-button: {text_color};" in style.text


def test_page_shows_brand_and_logo(app_with, tmp_path):
    logo = tmp_path / "logo.svg"
    logo.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    http = app_with(OTP_LOGO=str(logo), OTP_BRAND="Acme & Co").test_client()

    page = http.get("/verify").text
    with http.get("/assets/logo") as picture:
        shown, policy = picture.text, picture.headers["Content-Security-Policy"]

    assert "Acme &amp; Co" in page
    assert 'src="/assets/logo"' in page
    assert shown == logo.read_text()
    assert "sandbox" in policy


def test_unconfirmed_delivery_shows_the_code_form(store):
    outbox = Outbox(refusal=DeliveryUnconfirmed())
    app = create_app(config.read(RELAXED), store=store, sender=outbox)
    person = Person(app.test_client())

    person.submit("number", phone=PHONE)

    assert person.step == "code"
    assert person.notice.startswith("The message may take a while.")


def test_code_without_a_verification_returns_to_the_number_form(person):
    response = person.submit("code", otp="123456")

    assert (response.status_code, person.step) == (404, "number")


def test_wait_of_hours_is_shown_in_hours(app_with):
    person = Person(app_with(OTP_SENDS_PER_PHONE="1/5h").test_client())
    person.submit("number", phone=PHONE)

    person.submit("resend")

    assert person.notice == "Too many requests. Try again in 5 h."


def test_default_page_has_no_logo_and_no_color(http):
    assert http.get("/assets/logo").status_code == 404
    assert http.get("/assets/color.css").text == ""


def test_expired_test_number_returns_to_the_number_form(app_with):
    entry = "+15550100001:123456@2999-01-31"
    first = Person(app_with(OTP_TEST_NUMBERS=entry, OTP_PEPPER=SEED).test_client())
    first.submit("number", phone="+15550100001")
    cookie = first.http.get_cookie("otp_verify", path="/verify")
    later = Person(app_with(OTP_PEPPER=SEED).test_client())
    later.http.set_cookie("otp_verify", cookie.value, path="/verify")

    later.open()

    assert later.step == "number"
