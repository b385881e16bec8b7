from __future__ import annotations

from datetime import timedelta

import pytest

from otp_engine import config
from otp_engine.app import create_app
from otp_engine.errors import DeliveryUnconfirmed, RecipientOptedOut
from tests.support.fakes import (
    FakeSender,
    by_name,
)
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


def test_resend_replaces_the_code(person):
    person.submit("number", phone=PHONE)
    first = person.code()

    person.submit("resend")

    assert person.notice == "A new code is on its way."
    assert person.code() != first
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


def test_refused_landline_shows_a_mobile_number_of_its_country(person):
    person.submit("number", phone="+54 11 2345-6789")

    assert person.notice == (
        "This number cannot get text messages. Use a mobile number."
        " For example: +54\u00a09\u00a011\u00a02345-6789."
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
    app = create_app(config.load(RELAXED), store=store, senders=by_name(outbox))
    person = Person(app.test_client())

    person.submit("number", phone=PHONE)

    assert person.step == "code"
    assert person.notice.startswith("The message may take a while.")


@pytest.mark.parametrize("language", ["ar", "de", "en", "es", "fr", "hi", "it", "pt"])
def test_opted_out_recipient_reads_what_to_answer(store, language):
    outbox = FakeSender(error=RecipientOptedOut())
    app = create_app(config.load(RELAXED), store=store, senders=by_name(outbox))
    person = Person(app.test_client(), **{"Accept-Language": language})

    person.submit("number", phone="9445012345")

    assert person.step == "number"
    assert "STOP" in person.notice
    assert "START" in person.notice


def test_code_without_a_verification_returns_to_the_number_form(person):
    response = person.submit("code", otp="123456")

    assert (response.status_code, person.step) == (404, "number")


def test_expired_sandbox_number_returns_to_the_number_form(app_with):
    entry = "+15550100001:123456@2999-01-31"
    first = Person(app_with(OTP_TEST_NUMBERS=entry, OTP_PEPPER=SEED).test_client())
    first.submit("number", phone="+15550100001")
    cookie = first.http.get_cookie("otp_verify", path="/verify")
    later = Person(app_with(OTP_PEPPER=SEED).test_client())
    later.http.set_cookie("otp_verify", cookie.value, path="/verify")

    later.open()

    assert later.step == "number"
