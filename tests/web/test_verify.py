from __future__ import annotations

from datetime import timedelta

import pytest

from otp_engine import config
from otp_engine.app import create_app
from otp_engine.errors import DeliveryUnconfirmed
from tests.support.fakes import FakeSender, different_code
from tests.support.settings import RELAXED
from tests.support.time_travel import age
from tests.support.verify_page import Person

PHONE = "+919445012345"
SEED = "cHJvb2YtcHJvb2YtcHJvb2YtcHJvb2YtcHJvb2YtcHI="


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

    person.submit("code", otp=different_code(person.code()))

    assert person.notice == "That code is not right. Attempts left: 4."
    assert person.step == "code"
    assert 'aria-invalid="true"' in person.response.text


def test_malformed_code_uses_no_attempt(person):
    person.submit("number", phone=PHONE)

    response = person.submit("code", otp="abc")

    assert response.status_code == 400
    assert person.notice == "A code is 4 to 10 digits."
    person.submit("code", otp=different_code(person.code()))
    assert "left: 4" in person.notice


def test_check_after_the_last_attempt_shows_the_wait(app_with):
    person = Person(app_with(OTP_MAX_CHECKS="1").test_client())
    person.submit("number", phone=PHONE)
    person.submit("code", otp=different_code(person.code()))

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


def test_resend_after_expiry_starts_a_new_verification(app_with, redis):
    person = Person(app_with().test_client())
    person.submit("number", phone=PHONE)
    age(redis, timedelta(minutes=10))

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


def test_refused_landline_shows_a_mobile_number_of_its_country(person):
    person.submit("number", phone="+54 11 2345-6789")

    assert person.notice == (
        "This number cannot get text messages. Use a mobile number."
        " For example: +54 9 11 2345-6789."
    )


@pytest.mark.parametrize(
    "phone",
    [
        " 9445012345",
        "\u202a+91 94450 12345\u202c",
        "\u0669\u0664\u0664\u0665\u0660\u0661\u0662\u0663\u0664\u0665",
        "\uff0b91\u30009445012345\t",
    ],
)
def test_number_and_code_in_other_digits_are_accepted(person, phone):
    person.submit("number", phone=phone)
    digits = {ord("0") + n: chr(0x0660 + n) for n in range(10)}

    person.submit("code", otp=f"\u200f{person.code().translate(digits)}\u200f")

    assert person.step == "done"


def test_expired_code_returns_to_the_number_form(person, redis):
    person.submit("number", phone=PHONE)
    code = person.code()
    redis.delete(*[key for key in redis.keys("*") if b"verification" in key])

    response = person.submit("code", otp=code)

    assert (response.status_code, person.step) == (404, "number")
    assert person.notice == "This code has expired. Ask for a new one."


def test_message_contains_the_domain_for_webotp(app_with):
    person = Person(app_with(OTP_PUBLIC_URL="http://otp.example.com").test_client())

    person.submit("number", phone=PHONE)

    [message] = person.http.get("/dev/inbox.json").json["messages"]
    assert message["body"].endswith(f"\n@otp.example.com #{message['code']}")
    assert message["segments"] == 1


def test_sends_are_limited_by_ip_of_recipient(app_with):
    client = app_with(OTP_SENDS_PER_IP="1/1h").test_client()
    person = Person(client)
    person.submit("number", phone=PHONE)
    person.submit("change")

    response = person.submit("number", phone="+919445067890")

    assert response.status_code == 429


def test_unknown_step_changes_nothing(person):
    person.submit("number", phone=PHONE)

    person.submit("")

    assert person.step == "code"


def test_unconfirmed_delivery_shows_the_code_form(store):
    outbox = FakeSender(error=DeliveryUnconfirmed())
    app = create_app(config.load(RELAXED), store=store, sender=outbox)
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


def test_expired_sandbox_number_returns_to_the_number_form(app_with):
    entry = "+15550100001:123456@2999-01-31"
    first = Person(app_with(OTP_TEST_NUMBERS=entry, OTP_PEPPER=SEED).test_client())
    first.submit("number", phone="+15550100001")
    cookie = first.http.get_cookie("otp_verify", path="/verify")
    later = Person(app_with(OTP_PEPPER=SEED).test_client())
    later.http.set_cookie("otp_verify", cookie.value, path="/verify")

    later.open()

    assert later.step == "number"
