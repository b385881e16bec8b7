"""What the page shows after a refusal or an error: one sentence and one wait."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from otp_engine import config
from otp_engine.app import create_app
from otp_engine.errors import (
    DeliveryFailed,
    ProviderUnavailable,
    RecipientOptedOut,
    StoreUnavailable,
)
from tests.support.fakes import (
    FakeSender,
    by_name,
    different_code,
    suspended_block,
)
from tests.support.settings import RELAXED
from tests.support.time_travel import age
from tests.support.verify_page import Person

PHONE = "+919445012345"
OTHER = "+919445067890"
SEED = "cHJvb2YtcHJvb2YtcHJvb2YtcHJvb2YtcHJvb2YtcHI="
EXHAUSTED = "Too many wrong codes. Request a new one."


@pytest.fixture
def exhausted(app_with):
    """Return a person who has used the last attempt."""
    person = Person(app_with(OTP_MAX_CHECKS="2").test_client())
    person.submit("number", phone=PHONE)
    code = person.code()
    for _ in range(2):
        person.submit("code", otp=different_code(code))
    return person


@pytest.mark.parametrize(
    ("max_checks", "notice"),
    [
        ("5", "That code is not right. 4 attempts left."),
        ("2", "That code is not right. 1 attempt left."),
    ],
)
def test_wrong_code_shows_remaining_attempts(app_with, max_checks, notice):
    person = Person(app_with(OTP_MAX_CHECKS=max_checks).test_client())
    person.submit("number", phone=PHONE)

    person.submit("code", otp=different_code(person.code()))

    assert (person.notice, person.kind, person.step) == (notice, "error", "code")
    assert person.typed("otp") == ""


def test_last_wrong_code_closes_the_field_and_shows_one_wait(exhausted):
    assert (exhausted.notice, exhausted.kind) == (EXHAUSTED, "error")
    assert (exhausted.step, exhausted.typed("otp")) == ("code", None)
    assert 'value="code"' not in exhausted.response.text
    assert "<title>Error: Verify your number – OTP Engine</title>" in exhausted.text
    assert exhausted.wait == 600


def test_closed_field_stays_closed_on_reload(exhausted):
    exhausted.open()

    assert (exhausted.notice, exhausted.typed("otp")) == (EXHAUSTED, None)
    assert 590 < exhausted.wait <= 600


def test_check_of_exhausted_verification_is_closed_with_its_wait(exhausted):
    response = exhausted.submit("code", otp="123456")

    assert response.status_code == 429
    assert response.headers["Retry-After"] == "600"
    assert (exhausted.notice, exhausted.typed("otp")) == (EXHAUSTED, None)


def test_early_request_for_new_code_keeps_the_closed_field(exhausted):
    exhausted.submit("resend")

    assert (exhausted.notice, exhausted.typed("otp")) == (EXHAUSTED, None)
    assert exhausted.wait == 600


def test_exhausted_number_entered_again_is_closed(exhausted):
    exhausted.submit("change")

    exhausted.submit("number", phone=PHONE)

    assert (exhausted.notice, exhausted.typed("otp")) == (EXHAUSTED, None)


def test_other_number_after_exhaustion_opens_the_field(exhausted):
    exhausted.submit("change")

    exhausted.submit("number", phone=OTHER)

    assert (exhausted.notice, exhausted.typed("otp")) == ("", "")


def test_new_code_after_the_wait_opens_the_field(exhausted, redis):
    age(redis, timedelta(minutes=10))

    exhausted.submit("resend")

    assert exhausted.typed("otp") == ""
    exhausted.submit("code", otp=exhausted.code())
    assert exhausted.step == "done"


def test_disabled_phone_closes_the_field_with_the_longest_wait(app_with):
    person = Person(app_with(OTP_MAX_CONSECUTIVE_FAILURES="1").test_client())
    person.submit("number", phone=PHONE)

    person.submit("code", otp=different_code(person.code()))

    assert (person.notice, person.typed("otp")) == (EXHAUSTED, None)
    assert person.wait == timedelta(days=30).total_seconds()
    assert "in 30\u00a0days" in person.response.text


def test_phone_that_another_client_disabled_is_closed(app_with):
    app = app_with(OTP_MAX_CONSECUTIVE_FAILURES="1")
    person, other = Person(app.test_client()), Person(app.test_client())
    person.submit("number", phone=PHONE)
    code = person.code()
    other.submit("number", phone=PHONE)
    other.submit("code", otp=different_code(other.code()))

    person.submit("code", otp=code)

    assert person.notice == "This number cannot be verified yet."
    assert person.typed("otp") is None
    assert person.wait == timedelta(days=30).total_seconds()


def test_expired_code_closes_the_field_and_allows_a_new_code(person, redis):
    person.submit("number", phone=PHONE)
    code = person.code()
    age(redis, timedelta(minutes=10))

    response = person.submit("code", otp=code)

    assert (response.status_code, person.step) == (404, "code")
    assert person.notice == "This code has expired. Request a new one."
    assert (person.typed("otp"), person.wait) == (None, 0)
    person.submit("resend")
    person.submit("code", otp=person.code())
    assert person.step == "done"


def test_cooldown_is_no_error(app_with):
    person = Person(app_with(OTP_RESEND_COOLDOWN="3490s").test_client())
    person.submit("number", phone=PHONE)

    response = person.submit("resend")

    assert response.status_code == 200
    assert person.notice == "We sent you a code a moment ago."
    assert person.kind == "info"
    assert "aria-invalid" not in response.text
    # Rounded up to a minute, and counted down from there.
    assert 58 * 60 < person.wait <= 59 * 60


def test_same_number_within_cooldown_continues_its_verification(app_with):
    person = Person(app_with(OTP_RESEND_COOLDOWN="45s").test_client())
    person.submit("number", phone=PHONE)
    person.submit("change")

    response = person.submit("number", phone=PHONE)

    assert (response.status_code, person.step) == (200, "code")
    assert (person.notice, person.kind) == ("We sent you a code a moment ago.", "info")
    person.submit("code", otp=person.code())
    assert person.step == "done"


@pytest.mark.parametrize(
    ("environ", "seconds", "wait"),
    [
        ({"OTP_SENDS_PER_PHONE": "1/5h"}, 18000, "5\u00a0h"),
        ({"OTP_MAX_SENDS": "1"}, 600, "10\u00a0min"),
        ({"OTP_SENDS_PER_IP": "1/1h"}, 3600, "60\u00a0min"),
        ({"OTP_SENDS_TOTAL": "1/50s"}, 50, "50\u00a0s"),
    ],
)
def test_refused_resend_keeps_the_field_and_shows_one_wait(
    app_with, environ, seconds, wait
):
    person = Person(app_with(**environ).test_client())
    person.submit("number", phone=PHONE)

    response = person.submit("resend")

    assert (response.status_code, person.kind) == (429, "info")
    assert person.notice == "No new code can be sent yet."
    assert person.wait == seconds
    assert response.text.count(f"You can request a new code in {wait}.") == 1
    person.submit("code", otp=person.code())
    assert person.step == "done"


def test_resend_while_sending_is_off_keeps_the_field(app_with):
    first = Person(app_with(OTP_PEPPER=SEED).test_client())
    first.submit("number", phone=PHONE)
    code = first.code()
    later = continued(first, app_with(OTP_SENDING="off", OTP_PEPPER=SEED))
    later.open()

    response = later.submit("resend", otp="12")

    assert (response.status_code, later.kind) == (503, "error")
    assert later.notice == "This does not work right now. Try again in a moment."
    assert (later.typed("otp"), later.wait) == ("12", 60)
    assert "aria-invalid" not in response.text
    later.submit("code", otp=code)
    assert later.step == "done"


@pytest.mark.parametrize(
    ("error", "status", "notice"),
    [
        (DeliveryFailed(), 502, "The message could not be delivered to this number."),
        (RecipientOptedOut(), 403, "This phone has answered STOP to our messages."),
    ],
)
def test_rejected_resend_keeps_the_field(store, error, status, notice):
    outbox = FakeSender()
    app = create_app(config.load(RELAXED), store=store, senders=by_name(outbox))
    person = Person(app.test_client())
    person.submit("number", phone=PHONE)
    outbox.error = error

    response = person.submit("resend")

    assert (response.status_code, person.kind) == (status, "error")
    assert person.notice.startswith(notice)
    assert (person.typed("otp"), person.wait) == ("", 0)
    assert "aria-invalid" not in response.text
    person.submit("code", otp=outbox.code)
    assert person.step == "done"


def test_refused_new_verification_keeps_an_expired_field_closed(app_with, redis):
    app = app_with(OTP_SENDS_PER_PHONE="1/5h")
    person = Person(app.test_client())
    person.submit("number", phone=PHONE)
    code = person.code()
    age(redis, timedelta(minutes=10))
    person.submit("code", otp=code)

    response = person.submit("resend")

    assert (response.status_code, person.typed("otp")) == (429, None)
    assert person.notice == "No new code can be sent yet."
    assert person.wait == timedelta(hours=5).total_seconds()


def test_limit_of_sends_is_in_the_wait_of_the_last_send(app_with):
    person = Person(app_with(OTP_SENDS_PER_PHONE="1/5h").test_client())

    person.submit("number", phone=PHONE)

    assert person.wait == timedelta(hours=5).total_seconds()


def test_refused_check_shows_its_wait_and_keeps_the_code(app_with):
    person = Person(app_with(OTP_CHECKS_PER_IP="1/1h").test_client())
    person.submit("number", phone=PHONE)
    code = person.code()
    person.submit("code", otp=different_code(code))

    response = person.submit("code", otp=code)

    assert response.status_code == 429
    assert person.notice == "Too many requests. Try again in 60\u00a0min."
    assert person.typed("otp") == code
    assert "aria-invalid" not in response.text


@pytest.mark.parametrize(
    ("environ", "phone", "notice", "input_id"),
    [
        ({}, "", "This is not a phone number", "phone"),
        ({}, "12", "This is not a phone number", "phone"),
        ({}, "<b>'&\"", "This is not a phone number", "phone"),
        (
            {"OTP_ALLOWED_COUNTRIES": "US"},
            "94450 12345",
            "Numbers of this country cannot be verified here.",
            "phone",
        ),
        ({}, "+91 22 2493 5555", "This number cannot get text messages.", "phone"),
        ({"OTP_SENDING": "off"}, "94450 12345", "This does not work right now.", None),
    ],
)
def test_rejected_number_is_kept_with_its_error(
    app_with, environ, phone, notice, input_id
):
    person = Person(app_with(**environ).test_client())

    response = person.submit("number", phone=phone)

    assert person.notice.startswith(notice)
    assert (person.step, person.typed("phone")) == ("number", phone)
    assert response.status_code in {400, 403, 503}
    assert (f'aria-describedby="{input_id}-error ' in response.text) == bool(input_id)
    assert ('aria-invalid="true"' in response.text) == bool(input_id)


def test_refused_number_shows_the_wait_and_is_kept(app_with):
    person = Person(app_with(OTP_SENDS_PER_IP="1/1h").test_client())
    person.submit("number", phone=PHONE)
    person.submit("change")

    response = person.submit("number", phone=OTHER)

    assert (response.status_code, person.step) == (429, "number")
    assert person.notice == "Too many requests. Try again in 60\u00a0min."
    assert person.typed("phone") == OTHER


@pytest.mark.parametrize(
    ("error", "status", "input_id"),
    [
        (DeliveryFailed(), 502, "phone"),
        (ProviderUnavailable(), 503, None),
        (StoreUnavailable(), 503, None),
        (RuntimeError("a bug"), 500, None),
    ],
)
def test_number_is_kept_when_the_send_fails(store, error, status, input_id):
    app = create_app(
        config.load(RELAXED), store=store, senders=by_name(FakeSender(error=error))
    )
    person = Person(app.test_client())

    response = person.submit("number", phone="94450 12345")

    assert response.status_code == status
    assert (person.step, person.typed("phone")) == ("number", "94450 12345")
    assert ('aria-invalid="true"' in response.text) == bool(input_id)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_error_page_without_a_form_has_one_sentence(apps, method):
    app = apps.build()
    broken = replace(app.extensions["otp_engine"], current_engines=fail)
    broken.init_app(app)

    response = app.test_client().open("/verify", method=method)

    assert response.status_code == 500
    assert "This does not work right now." in response.text
    assert "<form" not in response.text
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]


def fail():
    """Fail where the page reads the policy."""
    raise RuntimeError("a bug")


def test_expired_form_keeps_number_and_language(person):
    person.open(locale="es")
    form = {"csrf_token": "expired", "step": "number", "phone": "94450 12345"}

    person.response = person.http.post("/verify", data=form)

    assert person.response.status_code == 400
    assert person.typed("phone") == "94450 12345"
    assert '<html lang="es"' in person.response.text


def test_lost_session_keeps_number_and_language(person):
    person.open(locale="fr")
    person.http.delete_cookie("otp_verify", path="/verify")

    person.submit("number", phone="94450 12345", locale="fr")

    assert person.response.status_code == 400
    assert person.typed("phone") == "94450 12345"
    assert '<html lang="fr"' in person.response.text
    person.submit("number", phone="94450 12345")
    assert person.step == "code"


def test_form_has_its_language(person):
    person.open(locale="fr")

    assert person.field("locale") == "fr"


def test_typed_number_is_in_no_url_log_or_cookie(app_with, caplog):
    caplog.set_level("INFO")
    person = Person(app_with(OTP_ALLOWED_COUNTRIES="US").test_client())

    response = person.submit("number", phone=PHONE)

    shown = f"{caplog.text} {response.headers}"
    assert PHONE.removeprefix("+91") in response.text
    assert PHONE.removeprefix("+91") not in shown


def test_very_long_input_is_cut(person):
    person.submit("number", phone="9" * 5000)

    assert person.typed("phone") == "9" * 64


@pytest.mark.parametrize("typed", ["abc", "12345", "1234567", ""])
def test_code_of_another_length_uses_no_attempt_and_is_kept(person, typed):
    person.submit("number", phone=PHONE)

    response = person.submit("code", otp=typed)

    assert response.status_code == 400
    assert person.notice == "The code has 6 digits."
    assert person.typed("otp") == typed
    person.submit("code", otp=different_code(person.code()))
    assert "4 attempts" in person.notice


@pytest.mark.parametrize("length", ["4", "10"])
def test_page_has_the_length_of_the_code(app_with, length):
    person = Person(app_with(OTP_CODE_LENGTH=length).test_client())

    person.submit("number", phone=PHONE)

    assert f"The code has {length} digits." in person.response.text
    assert f'data-length="{length}"' in person.response.text


def test_page_has_the_length_of_the_code_after_a_policy_change(app_with):
    first = Person(app_with(OTP_CODE_LENGTH="8", OTP_PEPPER=SEED).test_client())
    first.submit("number", phone=PHONE)
    code = first.code()
    later = continued(first, app_with(OTP_CODE_LENGTH="6", OTP_PEPPER=SEED))

    later.open()

    assert "The code has 8 digits." in later.response.text
    later.submit("resend")
    assert "The code has 6 to 8 digits." in later.response.text
    assert "data-length" not in later.response.text
    later.submit("code", otp=code)
    assert later.step == "done"


def test_sandbox_number_has_the_length_of_its_code(app_with):
    entry = "+15550100001:12345678@2999-01-31"
    person = Person(app_with(OTP_TEST_NUMBERS=entry).test_client())

    person.submit("number", phone="+15550100001")

    assert "The code has 8 digits." in person.response.text


def test_page_of_another_browser_shows_no_length(app_with):
    app = app_with(OTP_CODE_LENGTH="8", OTP_PEPPER=SEED)
    Person(app.test_client()).submit("number", phone=PHONE)
    other = Person(app_with(OTP_CODE_LENGTH="6", OTP_PEPPER=SEED).test_client())

    other.submit("number", phone=PHONE)

    assert "The code has 6 digits." in other.response.text


def continued(person, app):
    """Return *person* with the same browser, after a restart as *app*."""
    later = Person(app.test_client())
    cookie = person.http.get_cookie("otp_verify", path="/verify")
    later.http.set_cookie("otp_verify", cookie.value, path="/verify")
    return later


def suspended(sender):
    sender.error = suspended_block(timedelta(hours=11, minutes=3))


def test_suspended_destination_keeps_the_number_and_shows_what_helps(store):
    sender = FakeSender()
    suspended(sender)
    app = create_app(config.load(RELAXED), store=store, senders=by_name(sender))
    person = Person(app.test_client())

    response = person.submit("number", phone=PHONE)

    assert response.status_code == 403
    assert response.headers["Retry-After"] == str(int(11.25 * 3600))
    assert (person.step, person.kind) == ("number", "error")
    assert person.typed("phone") == PHONE
    assert person.notice == (
        "Messages to numbers like this one are paused. Use another number, or try"
        " again in 12\u00a0h."
    )
    assert 'aria-describedby="phone-error ' in response.text


def test_suspended_destination_keeps_the_field_of_a_code_that_was_sent(store):
    sender = FakeSender()
    app = create_app(config.load(RELAXED), store=store, senders=by_name(sender))
    person = Person(app.test_client())
    person.submit("number", phone=PHONE)
    suspended(sender)

    person.submit("resend")

    assert (person.step, person.kind) == ("code", "error")
    assert "paused" in person.notice
    assert person.wait == int(11.25 * 3600)
    person.submit("code", otp=sender.code)
    assert person.step == "done"


def test_suspended_destination_entered_again_keeps_its_live_code(store):
    sender = FakeSender()
    app = create_app(config.load(RELAXED), store=store, senders=by_name(sender))
    person = Person(app.test_client())
    person.submit("number", phone=PHONE)
    person.submit("change")
    suspended(sender)

    person.submit("number", phone=PHONE)

    assert person.step == "code"
    person.submit("code", otp=sender.code)
    assert person.step == "done"
