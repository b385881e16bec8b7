"""`/verify`: the page without its scripts, as a person with any browser has it."""

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
from otp_engine.web.texts import ALL
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
    """Fills in the forms of the page, as a browser does."""

    def __init__(self, http, **headers):
        self.http, self.headers = http, headers
        self.answer = self.open()

    def open(self, **query):
        self.answer = self.http.get("/verify", query_string=query, headers=self.headers)
        return self.answer

    def take(self, step, **fields):
        self.answer = self.http.post(
            "/verify",
            data={"token": self.token(), "step": step} | fields,
            headers=self.headers,
        )
        if self.answer.status_code == 303:
            return self.open()
        return self.answer

    def token(self):
        return re.findall(r'name="token" value="([^"]+)"', self.answer.text)[0]

    def field(self, name):
        found = re.findall(rf'name="{name}" value="([^"]*)"', self.answer.text)
        return html.unescape(found[0]) if found else None

    @property
    def step(self):
        return re.findall(r'data-step="(\w+)"', self.answer.text)[0]

    @property
    def said(self):
        found = re.findall(r'role="alert">(.*?)</p>', self.answer.text)
        return html.unescape(found[0])

    def code(self):
        [first, *_] = self.http.get("/dev/inbox.json").json["messages"]
        return first["code"]


def test_a_person_gives_a_number_then_its_code_and_is_done(person):
    steps = [person.step]
    person.take("number", phone="94450 12345")
    steps.append(person.step)
    shown = person.answer.text
    person.take("code", otp=person.code())
    steps.append(person.step)

    assert steps == ["number", "code", "done"]
    assert "+91******2345" in shown
    assert "9445012345" not in shown


def test_the_page_that_says_so_is_shown_once(person):
    person.take("number", phone=PHONE)
    person.take("code", otp=person.code())

    person.open()

    assert person.step == "number"


@pytest.mark.parametrize("typed", ["{0} {1}", "{0}-{1}", " {0}{1} "])
def test_a_code_may_be_typed_with_spaces_and_dashes(person, typed):
    person.take("number", phone=PHONE)
    code = person.code()

    person.take("code", otp=typed.format(code[:3], code[3:]))

    assert person.step == "done"


def test_a_wrong_code_says_how_many_guesses_are_left(person):
    person.take("number", phone=PHONE)

    person.take("code", otp=other_than(person.code()))

    assert person.said == "That code is not right. Attempts left: 4."
    assert person.step == "code"
    assert 'aria-invalid="true"' in person.answer.text


def test_what_is_no_code_costs_no_guess(person):
    person.take("number", phone=PHONE)

    answer = person.take("code", otp="abc")

    assert answer.status_code == 400
    assert person.said == "A code is 4 to 10 digits."
    person.take("code", otp=other_than(person.code()))
    assert "left: 4" in person.said


def test_when_every_guess_is_spent_it_says_how_long_to_wait(app_with):
    person = Person(app_with(OTP_MAX_CHECKS="1").test_client())
    person.take("number", phone=PHONE)
    person.take("code", otp=other_than(person.code()))

    answer = person.take("code", otp=person.code())

    assert answer.status_code == 429
    assert person.said == "Too many wrong codes. Ask for a new code in 10 min."
    assert answer.headers["Retry-After"] == "600"


def test_a_new_code_can_be_asked_for(person):
    person.take("number", phone=PHONE)
    first = person.code()

    person.take("resend")

    assert person.said == "A new code is on its way."
    assert person.code() != first
    person.take("code", otp=person.code())
    assert person.step == "done"


def test_the_page_says_when_the_next_code_may_be_asked_for(app_with):
    person = Person(app_with(OTP_RESEND_COOLDOWN="45s").test_client())

    person.take("number", phone=PHONE)

    assert person.answer.headers["OTP-Resend-After"] == "50"
    assert 'data-resend-after="50"' in person.answer.text
    assert person.take("resend").status_code == 429
    assert person.said == "Too many requests. Try again in 50 s."


def test_a_person_who_types_the_same_number_again_goes_on_with_its_code(app_with):
    person = Person(app_with(OTP_RESEND_COOLDOWN="45s").test_client())
    person.take("number", phone=PHONE)
    person.take("change")

    answer = person.take("number", phone=PHONE)

    assert (answer.status_code, person.step) == (429, "code")
    person.take("code", otp=person.code())
    assert person.step == "done"


def test_the_same_form_sent_twice_sends_one_message(app_with):
    """The Back button, or a double click."""
    person = Person(app_with(OTP_RESEND_COOLDOWN="45s").test_client())
    form = {"token": person.token(), "step": "number", "phone": PHONE}
    for _ in range(2):
        person.http.post("/verify", data=form)

    person.open()
    person.take("code", otp=person.code())

    assert person.step == "done"
    assert len(person.http.get("/dev/inbox.json").json["messages"]) == 1


def test_a_person_who_types_another_number_starts_a_new_verification(app_with):
    person = Person(app_with(OTP_RESEND_COOLDOWN="45s").test_client())
    person.take("number", phone=PHONE)
    person.take("change")

    answer = person.take("number", phone="+919445067890")

    assert (answer.status_code, person.step) == (200, "code")


def test_a_stranger_who_types_a_number_gets_neither_its_form_nor_its_attempts(app_with):
    app = app_with(OTP_RESEND_COOLDOWN="45s")
    person, stranger = Person(app.test_client()), Person(app.test_client())
    person.take("number", phone=PHONE)
    code = person.code()
    stranger.take("number", phone=PHONE)
    for _ in range(6):
        stranger.take("code", otp=other_than(code, stranger.code()))
    assert stranger.answer.status_code == 429

    person.take("code", otp=code)

    assert person.step == "done"


def test_a_code_of_another_browser_is_wrong(app_with):
    app = app_with()
    person, stranger = Person(app.test_client()), Person(app.test_client())
    person.take("number", phone=PHONE)
    code = person.code()
    stranger.take("number", phone=PHONE)
    if stranger.code() == code:
        stranger.take("resend")

    stranger.take("code", otp=code)

    assert stranger.step == "code"


def test_the_cookie_holds_no_number(http):
    person = Person(http)

    person.take("number", phone=PHONE)

    cookie = http.get_cookie("otp_verify", path="/verify").value
    payload = cookie.split(".")[0] or cookie.split(".")[1]
    text = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    plain = zlib.decompress(text) if cookie.startswith(".") else text
    assert b"handle" in plain
    assert PHONE.removeprefix("+91").encode() not in plain


def test_a_resend_after_the_verification_has_ended_starts_a_new_one(app_with, client):
    person = Person(app_with().test_client())
    person.take("number", phone=PHONE)
    age(client, timedelta(minutes=10))

    person.take("resend")

    person.take("code", otp=person.code())
    assert person.step == "done"


def test_another_number_can_be_given(person):
    person.take("number", phone=PHONE)

    person.take("change")

    assert person.step == "number"


@pytest.mark.parametrize(
    ("environ", "phone", "said"),
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
def test_what_cannot_be_is_said_and_can_be_mended(app_with, environ, phone, said):
    person = Person(app_with(**environ).test_client())

    answer = person.take("number", phone=phone)

    assert person.said.startswith(said)
    assert person.step == "number"
    assert answer.status_code in {400, 403, 503}


def test_a_code_that_has_expired_begins_anew(person, client):
    person.take("number", phone=PHONE)
    code = person.code()
    client.delete(*[key for key in client.keys("*") if b"verification" in key])

    answer = person.take("code", otp=code)

    assert (answer.status_code, person.step) == (404, "number")
    assert person.said == "This code has expired. Ask for a new one."


@pytest.mark.parametrize("token", ["", "forged", "é"])
def test_a_form_of_somebody_elses_page_does_nothing(person, token):
    person.token()

    answer = person.http.post(
        "/verify", data={"token": token, "step": "number", "phone": PHONE}
    )

    assert answer.status_code == 400
    assert person.http.get("/dev/inbox.json").json == {"messages": []}


def test_a_cookie_that_somebody_wrote_themselves_is_none(person):
    person.take("number", phone=PHONE)
    person.http.set_cookie("otp_verify", "eyJwaG9uZSI6IjEifQ.forged", path="/verify")

    person.open()

    assert person.step == "number"


def test_the_cookie_is_for_this_page_and_no_script(person):
    cookie = person.answer.headers["Set-Cookie"]

    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/verify" in cookie
    assert "Secure" not in cookie


def test_behind_https_the_cookie_is_for_https(app_with):
    http = app_with(OTP_PUBLIC_URL="https://otp.example.com").test_client()

    assert "Secure" in http.get("/verify").headers["Set-Cookie"]


@pytest.mark.parametrize("path", ["/verify", "/dev/inbox", "/docs"])
def test_a_page_loads_nothing_from_elsewhere_and_runs_no_script_of_its_own(http, path):
    answer = http.get(path)

    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self';")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["Referrer-Policy"] == "strict-origin"
    assert not re.findall(r"""(?:src|href)=["'](?:https?:)?//""", answer.text)
    assert not re.findall(r"<(?:script|style)>|\sstyle=|\son\w+=", answer.text)


@pytest.mark.parametrize(
    ("accepted", "locale"),
    [("hi-IN,en;q=0.5", "hi"), ("ar", "ar"), ("es-MX", "es"), ("tlh", "en")],
)
def test_the_page_is_in_the_persons_language(http, accepted, locale):
    text = http.get("/verify", headers={"Accept-Language": accepted}).text

    assert f'<html lang="{locale}" dir="{ALL[locale].direction}">' in text
    assert ALL[locale].say("title") in text


def test_a_language_that_was_chosen_stays_and_the_message_is_in_it(person):
    person.open(locale="es")

    person.take("number", phone=PHONE)

    assert person.answer.text.startswith('<!doctype html>\n<html lang="es"')
    [message] = person.http.get("/dev/inbox.json").json["messages"]
    assert message["locale"] == "es"


def test_every_language_has_every_word():
    words = {locale: set(texts.words) for locale, texts in ALL.items()}

    assert {"en", "hi", "es", "ar"} <= set(words)
    assert all(these == words["en"] for these in words.values())


def test_every_word_is_filled_in_with_the_same():
    def blanks(texts):
        return {key: re.findall(r"{\w*}", said) for key, said in texts.words.items()}

    assert all(blanks(texts) == blanks(ALL["en"]) for texts in ALL.values())


def test_the_message_names_the_page_for_browsers_that_read_it(app_with):
    person = Person(app_with(OTP_PUBLIC_URL="http://otp.example.com").test_client())

    person.take("number", phone=PHONE)

    [message] = person.http.get("/dev/inbox.json").json["messages"]
    assert message["body"].endswith(f"\n@otp.example.com #{message['code']}")
    assert message["segments"] == 1


def test_a_person_is_counted_by_their_own_address(app_with):
    http = app_with(OTP_SENDS_PER_IP="1/1h").test_client()
    person = Person(http)
    person.take("number", phone=PHONE)
    person.take("change")

    answer = person.take("number", phone="+919445067890")

    assert answer.status_code == 429


@pytest.fixture
def returning(app_with):
    """An application sends a person, and wants them back."""

    def build(**environ):
        settings = {
            "OTP_PEPPER": SEED,
            "OTP_PROOF_KEY": SEED,
            "OTP_RETURN_ORIGINS": f"{APP},http://b.test",
        }
        return Person(app_with(**settings | environ).test_client())

    return build


def test_who_was_sent_by_an_application_goes_back_with_a_proof(returning):
    person = returning()
    person.open(return_url=f"{APP}/back?a=1", state="x&y")
    person.take("number", phone=PHONE)
    person.take("code", otp=person.code())

    key = jwt.PyJWK(person.http.get("/.well-known/jwks.json").json["keys"][0])
    proof = jwt.decode(
        person.field("otp_proof"), key, algorithms=["EdDSA"], audience=APP
    )
    assert (proof["sub"], proof["nonce"]) == (PHONE, "x&y")
    assert person.field("state") == "x&y"
    assert f'<form method="post" action="{APP}/back?a=1" data-return>' in (
        person.answer.text
    )
    assert (
        f"form-action 'self' {APP} http://b.test"
        in (person.answer.headers["Content-Security-Policy"])
    )


def test_an_application_is_gone_back_to_once(returning):
    person = returning()
    person.open(return_url=f"{APP}/back", state="s")
    person.take("number", phone=PHONE)
    person.take("code", otp=person.code())
    person.open()

    person.take("number", phone="+919445067890")
    person.take("code", otp=person.code())

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
def test_nobody_goes_where_the_operator_did_not_say(returning, url):
    person = returning()

    answer = person.open(return_url=url, state="s")
    person.take("number", phone=PHONE)
    person.take("code", otp=person.code())

    assert answer.status_code == 400
    assert person.field("otp_proof") is None
    assert not url or url not in person.answer.text


@pytest.mark.parametrize("state", ["", "x" * 513])
def test_an_application_says_how_it_will_know_the_person_again(returning, state):
    person = returning()

    answer = person.open(return_url=f"{APP}/back", state=state)

    assert answer.status_code == 400


@pytest.mark.parametrize(
    "other",
    [
        {"return_url": "http://b.test/", "state": "s"},
        {"return_url": f"{APP}/back", "state": "the attacker's"},
        {"return_url": "https://evil.example.com/", "state": "s"},
    ],
)
def test_a_link_leads_nothing_that_was_begun_to_somebody_else(returning, other):
    person = returning()
    person.open(return_url=f"{APP}/back", state="s")
    person.take("number", phone=PHONE)
    form = {"token": person.token(), "step": "code", "otp": person.code()}

    person.open(**other)
    answer = person.http.post("/verify", data=form)

    assert answer.status_code == 400
    assert "otp_proof" not in answer.text
    person.open()
    assert person.step == "number"


def test_an_application_that_is_not_allowed_any_more_gets_no_proof(returning):
    person = returning()
    person.open(return_url="http://b.test/", state="s")
    person.take("number", phone=PHONE)
    code, form = person.code(), {"token": person.token(), "step": "code"}
    later = returning(OTP_RETURN_ORIGINS=APP)
    cookie = person.http.get_cookie("otp_verify", path="/verify")
    later.http.set_cookie("otp_verify", cookie.value, path="/verify")

    answer = later.http.post("/verify", data=form | {"otp": code})

    assert "Number verified" in answer.text
    assert "otp_proof" not in answer.text


def test_who_came_on_their_own_gets_no_proof(app_with):
    person = Person(app_with(OTP_PROOF_KEY=SEED).test_client())
    person.take("number", phone=PHONE)

    person.take("code", otp=person.code())

    assert person.step == "done"
    assert "eyJ" not in person.answer.text


def test_the_cookie_holds_no_proof(returning):
    person = returning()
    person.open(return_url=f"{APP}/back", state="s")
    person.take("number", phone=PHONE)

    person.take("code", otp=person.code())

    cookie = person.http.get_cookie("otp_verify", path="/verify")
    assert person.field("otp_proof")
    assert cookie is None or len(cookie.value) < 100


def test_a_proof_of_a_number_for_tests_says_so(returning):
    person = returning(OTP_TEST_NUMBERS="+15550100001:123456@2999-01-31")
    person.open(return_url=f"{APP}/back", state="s")
    person.take("number", phone="+15550100001")

    person.take("code", otp="123456")

    proof = jwt.decode(person.field("otp_proof"), options={"verify_signature": False})
    assert proof["test"] is True


def test_a_stranger_whose_limit_is_reached_learns_of_nobodys_code(app_with):
    http = app_with(OTP_SENDS_PER_IP="1/1h").test_client()
    elsewhere = {"REMOTE_ADDR": "203.0.113.9"}
    http.post("/auth/send_otp", json={"phone": PHONE}, environ_base=elsewhere)
    stranger = Person(http)
    stranger.take("number", phone="+919445067890")
    stranger.take("change")

    seen = []
    for phone in (PHONE, "+919876501234"):
        answer = stranger.take("number", phone=phone)
        seen.append((answer.status_code, stranger.step, stranger.said))

    assert seen[0] == seen[1]
    assert seen[0][:2] == (429, "number")


def test_a_step_that_there_is_not_changes_nothing(person):
    person.take("number", phone=PHONE)

    person.take("")

    assert person.step == "code"


def test_a_refusal_is_in_the_log_by_its_name(app_with, caplog):
    caplog.set_level("INFO")
    person = Person(app_with(OTP_SENDS_PER_PHONE="1/1h").test_client())
    person.take("number", phone=PHONE)
    person.take("resend")

    [line] = [one for one in caplog.records if getattr(one, "limit", None)]
    assert (line.error, line.limit) == ("rate_limited", "sends_per_phone")


def test_without_the_setting_the_page_is_there_in_development_only(app_with):
    assert app_with(OTP_VERIFY_PAGE="0").test_client().get("/verify").status_code == 404


def test_a_mistake_is_a_page_and_no_json(http):
    answer = http.delete("/verify")

    assert answer.status_code == 405
    assert answer.content_type.startswith("text/html")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "<form" not in answer.text


def test_no_number_and_no_code_is_in_the_log(person, caplog):
    caplog.set_level("INFO")
    person.take("number", phone=PHONE)
    code = person.code()
    person.take("code", otp=code)

    assert "9445012345" not in caplog.text
    assert code not in caplog.text


@pytest.mark.parametrize(
    ("color", "letters"), [("#ffd400", "#000"), ("#1b3a8a", "#fff")]
)
def test_buttons_have_the_operators_color_and_letters_that_can_be_read(
    app_with, color, letters
):
    style = app_with(OTP_COLOR=color).test_client().get("/assets/color.css")

    assert style.content_type.startswith("text/css")
    assert f"--button: {color}; --on-button: {letters};" in style.text


def test_the_operators_logo_and_name_are_on_the_page(app_with, tmp_path):
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


def test_when_the_carrier_is_silent_the_person_waits_for_the_code(store):
    outbox = Outbox(refusal=DeliveryUnconfirmed())
    app = create_app(config.read(RELAXED), store=store, sender=outbox)
    person = Person(app.test_client())

    person.take("number", phone=PHONE)

    assert person.step == "code"
    assert person.said.startswith("The message may take a while.")


def test_who_takes_a_step_before_there_is_a_number_begins(person):
    answer = person.take("code", otp="123456")

    assert (answer.status_code, person.step) == (404, "number")


def test_a_wait_of_hours_is_said_in_hours(app_with):
    person = Person(app_with(OTP_SENDS_PER_PHONE="1/5h").test_client())
    person.take("number", phone=PHONE)

    person.take("resend")

    assert person.said == "Too many requests. Try again in 5 h."


def test_where_there_is_no_logo_there_is_nothing(http):
    assert http.get("/assets/logo").status_code == 404
    assert http.get("/assets/color.css").text == ""


def test_a_number_for_tests_whose_day_is_over_is_asked_for_again(app_with):
    entry = "+15550100001:123456@2999-01-31"
    first = Person(app_with(OTP_TEST_NUMBERS=entry, OTP_PEPPER=SEED).test_client())
    first.take("number", phone="+15550100001")
    cookie = first.http.get_cookie("otp_verify", path="/verify")
    later = Person(app_with(OTP_PEPPER=SEED).test_client())
    later.http.set_cookie("otp_verify", cookie.value, path="/verify")

    later.open()

    assert later.step == "number"
