"""The contract of `/auth`, status by status and to the letter."""

from __future__ import annotations

import json
import logging
from contextlib import contextmanager

import pytest

from otp_engine import config
from otp_engine.api import body as request_body
from otp_engine.app import create_app
from otp_engine.crypto.hash_pool import HashPool
from otp_engine.errors import (
    DeliveryFailed,
    DeliveryUnconfirmed,
    ProviderUnavailable,
    StoreUnavailable,
)
from tests.support.fakes import different_code

PHONE = {"phone": "9445012345"}


def send(client, **more):
    return client.post("/auth/send_otp", json=PHONE | more)


def verify(client, otp, **more):
    return client.post("/auth/verify_otp", json=PHONE | {"otp": otp} | more)


def test_a_sent_code_is_answered_to_the_letter(client):
    answer = send(client)

    assert answer.status_code == 201
    assert answer.mimetype == "application/json"
    assert answer.json == {
        "message": "OTP sent successfully.",
        "VerificationStatus": "pending",
    }


def test_the_keys_are_in_the_order_of_the_contract(client):
    assert list(json.loads(send(client).data)) == ["message", "VerificationStatus"]


def test_a_sent_code_says_how_long_it_lives_and_when_to_re_send(app_with):
    answer = send(app_with(OTP_RESEND_COOLDOWN="30s").test_client())

    assert answer.headers["OTP-Expires-In"] == "600"
    assert answer.headers["OTP-Resend-After"] == "30"


def test_the_right_code_is_approved_to_the_letter(client, outbox):
    send(client)

    answer = verify(client, outbox.code)

    assert answer.status_code == 201
    assert answer.json == {"VerificationStatus": "approved"}


def test_a_wrong_code_is_pending_to_the_letter(client, outbox):
    send(client)

    answer = verify(client, different_code(outbox.code))

    assert answer.status_code == 201
    assert answer.json == {"VerificationStatus": "pending"}
    assert answer.headers["OTP-Attempts-Left"] == "4"
    assert answer.headers["OTP-Expires-In"] == "540"


def test_spaces_and_dashes_inside_a_code_are_ignored(client, outbox):
    send(client)
    typed = f" {outbox.code[:3]} - {outbox.code[3:]} "

    assert verify(client, typed).json == {"VerificationStatus": "approved"}


def test_a_form_is_as_good_as_json(client, outbox):
    client.post("/auth/send_otp", data=PHONE)

    answer = client.post("/auth/verify_otp", data=PHONE | {"otp": outbox.code})

    assert answer.json == {"VerificationStatus": "approved"}


def test_two_spellings_of_a_number_are_one_phone(client, outbox):
    send(client)

    answer = verify(client, outbox.code, phone="+91 94450-12345")

    assert answer.json == {"VerificationStatus": "approved"}


def test_the_locale_chooses_the_words(client, outbox):
    send(client, locale="fr")

    assert "Ne le partagez pas" in outbox.messages[0].body


def test_fields_that_nobody_asked_for_are_ignored(client):
    assert send(client, colour="green", channel="sms", locale=None).status_code == 201


@pytest.mark.parametrize(
    ("more", "name"),
    [
        ({"phone": None}, "invalid_request"),
        ({"phone": ""}, "invalid_request"),
        ({"phone": "  "}, "invalid_request"),
        ({"phone": 9445012345}, "invalid_request"),
        ({"phone": ["9445012345"]}, "invalid_request"),
        ({"phone": "12"}, "invalid_phone"),
        ({"phone": "tel:+919445012345"}, "invalid_phone"),
        ({"phone": "9445012345\r\nX: y"}, "invalid_phone"),
        ({"channel": "pigeon"}, "invalid_request"),
        ({"channel": "whatsapp"}, "invalid_request"),
        ({"channel": 1}, "invalid_request"),
        ({"locale": "x" * 36}, "invalid_request"),
    ],
)
def test_a_send_that_cannot_be_read_is_400(client, outbox, more, name):
    answer = send(client, **more)

    assert (answer.status_code, answer.json["error"]) == (400, name)
    assert set(answer.json) == {"msg", "error"}
    assert outbox.messages == []


@pytest.mark.parametrize(
    ("otp", "name"),
    [
        (None, "invalid_request"),
        ("", "invalid_request"),
        (123456, "invalid_request"),
        ("123", "invalid_code"),
        ("12345678901", "invalid_code"),
        ("12345a", "invalid_code"),
        ("١٢٣٤٥٦", "invalid_code"),
        ("12\u200b3456", "invalid_code"),
        ("123456\x00", "invalid_code"),
    ],
)
def test_a_code_that_cannot_be_one_is_400_and_costs_no_guess(client, outbox, otp, name):
    send(client)

    answer = verify(client, otp)

    assert (answer.status_code, answer.json["error"]) == (400, name)
    assert (
        verify(client, different_code(outbox.code)).headers["OTP-Attempts-Left"] == "4"
    )


@pytest.mark.parametrize(
    ("phone", "name"),
    [
        ("+14155550123", "country_not_allowed"),
        ("+912224935555", "number_type_not_allowed"),
    ],
)
def test_a_number_that_is_not_served_is_403(app_with, outbox, phone, name):
    http = app_with(OTP_ALLOWED_COUNTRIES="IN").test_client()

    answer = send(http, phone=phone)

    assert (answer.status_code, answer.json["error"]) == (403, name)
    assert outbox.messages == []


def test_nothing_waiting_is_404(client):
    answer = verify(client, "123456")

    assert answer.status_code == 404
    assert answer.json["error"] == "verification_not_found"


def test_never_sent_and_used_are_answered_alike(client, outbox):
    never = verify(client, "123456")
    send(client)
    verify(client, outbox.code)

    used = verify(client, outbox.code)

    assert (used.status_code, used.json) == (never.status_code, never.json)


def test_spent_guesses_are_429_and_say_when_to_come_back(client, outbox):
    send(client)
    for _ in range(5):
        verify(client, different_code(outbox.code))

    for answer in (verify(client, outbox.code), send(client)):
        assert (answer.status_code, answer.json["error"]) == (429, "too_many_attempts")
        assert answer.headers["Retry-After"] == "600"
        assert answer.headers["OTP-Attempts-Left"] == "0"


def test_the_cooldown_is_429_and_says_when_to_come_back(app_with):
    http = app_with(OTP_RESEND_COOLDOWN="30s").test_client()
    send(http)

    answer = send(http)

    assert (answer.status_code, answer.json["error"]) == (429, "rate_limited")
    assert answer.headers["Retry-After"] == "30"


def test_every_limit_comes_from_the_environment(app_with):
    http = app_with(OTP_SENDS_PER_PHONE="1/1h").test_client()
    send(http)

    answer = send(http)

    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "3600"


@pytest.mark.parametrize(
    ("refusal", "status", "name"),
    [
        (DeliveryFailed(), 502, "delivery_failed"),
        (DeliveryUnconfirmed(), 504, "delivery_unconfirmed"),
        (ProviderUnavailable(), 503, "unavailable"),
        (StoreUnavailable(), 503, "unavailable"),
    ],
)
def test_a_message_that_did_not_surely_leave_is_no_201(
    client, outbox, refusal, status, name
):
    outbox.error = refusal

    answer = send(client)

    assert (answer.status_code, answer.json["error"]) == (status, name)
    assert ("Retry-After" in answer.headers) == (status == 503)
    assert ("OTP-Expires-In" in answer.headers) == (status == 504)


def test_full_hash_queue_is_503_with_retry_after(new_app):
    app = new_app()
    full: HashPool = app.extensions["otp_engine"].live_engines().live.hash_pool
    while full._slots.acquire(blocking=False):  # noqa: SLF001 - as hashes would hold them
        pass

    answer = send(app.test_client())

    assert (answer.status_code, answer.json["error"]) == (503, "unavailable")
    assert answer.headers["Retry-After"] == "1"


class Broken:
    """A sender with a bug, whose error quotes what it was given."""

    name = "broken"

    @contextmanager
    def reserve(self):
        yield self.send

    def send(self, message):
        raise RuntimeError(message.body)

    def ping(self):
        raise RuntimeError


def test_an_unexpected_failure_is_500_with_a_request_id_and_no_secret(store, caplog):
    app = create_app(config.load({"OTP_DEV": "1"}), store=store, sender=Broken())

    with caplog.at_level(logging.INFO):
        answer = send(app.test_client())

    assert [vars(line).get("error") for line in caplog.records][-1] == "internal_error"
    assert answer.status_code == 500
    assert set(answer.json) == {"msg", "error"}
    assert answer.headers["X-Request-Id"] in answer.json["msg"]
    assert "code" not in answer.json["msg"]


def test_even_a_failure_of_the_answer_itself_is_answered_in_the_contracts_words(
    new_app, caplog
):
    app = new_app()

    def fail_once(response):
        app.after_request_funcs[None].remove(fail_once)
        raise RuntimeError("9445012345")

    app.after_request(fail_once)

    answer = app.test_client().get("/healthz")

    assert (answer.status_code, answer.json["error"]) == (500, "internal_error")
    assert "/healthz" not in caplog.messages


def test_the_fields_of_a_request_are_shown_without_their_values(app_with):
    body = {"phone": "9445012345", "otp": "123456"}
    with app_with().test_request_context(method="POST", json=body) as context:
        shown = repr(request_body.parse(context.request))

    assert shown == "Body('otp', 'phone')"


@pytest.mark.parametrize(
    "locale",
    ["+919445012345", "919445012345", "en\x1b[2J", "en\nforged", "e", "en-", "<b>"],
)
def test_a_locale_that_is_no_language_tag_is_refused(client, store, locale):
    answer = client.post("/auth/send_otp", json=PHONE | {"locale": locale})

    assert (answer.status_code, answer.json["error"]) == (400, "invalid_request")
    assert list(store.events.since(None)) == []
