"""The contract of `/auth`: the statuses, bodies and headers of its responses."""

from __future__ import annotations

import json
import logging
from contextlib import ExitStack, contextmanager, suppress

import pytest

from otp_engine import config
from otp_engine.api import body as request_body
from otp_engine.app import create_app
from otp_engine.domain.models import Channel
from otp_engine.errors import (
    DeliveryFailed,
    DeliveryUnconfirmed,
    Overloaded,
    ProviderUnavailable,
    RecipientOptedOut,
    StoreUnavailable,
)
from tests.support.fakes import (
    by_name,
    different_code,
)

PHONE = {"phone": "9445012345"}


def send(client, **more):
    return client.post("/auth/send_otp", json=PHONE | more)


def verify(client, otp, **more):
    return client.post("/auth/verify_otp", json=PHONE | {"otp": otp} | more)


def test_send_returns_the_body_of_the_contract(client):
    response = send(client)

    assert response.status_code == 201
    assert response.mimetype == "application/json"
    assert response.json == {
        "message": "OTP sent successfully.",
        "VerificationStatus": "pending",
    }


def test_request_that_offers_another_protocol_is_served(client):
    offer = {"Connection": "Upgrade", "Upgrade": "websocket"}

    response = client.post("/auth/send_otp", json=PHONE, headers=offer)

    assert response.status_code == 201


def test_send_response_has_keys_in_order_of_contract(client):
    assert list(json.loads(send(client).data)) == ["message", "VerificationStatus"]


def test_send_response_has_expiry_and_resend_headers(app_with):
    response = send(app_with(OTP_RESEND_COOLDOWN="30s").test_client())

    assert response.headers["OTP-Expires-In"] == "600"
    assert response.headers["OTP-Resend-After"] == "30"


def test_correct_code_is_approved(client, outbox):
    send(client)

    response = verify(client, outbox.code)

    assert response.status_code == 201
    assert response.json == {"VerificationStatus": "approved"}


def test_wrong_code_is_pending_with_remaining_attempts(client, outbox):
    send(client)

    response = verify(client, different_code(outbox.code))

    assert response.status_code == 201
    assert response.json == {"VerificationStatus": "pending"}
    assert response.headers["OTP-Attempts-Left"] == "4"
    assert response.headers["OTP-Expires-In"] == "540"


def test_spaces_and_dashes_in_code_are_ignored(client, outbox):
    send(client)
    separated = f" {outbox.code[:3]} - {outbox.code[3:]} "

    assert verify(client, separated).json == {"VerificationStatus": "approved"}


def test_form_body_is_accepted(client, outbox):
    client.post("/auth/send_otp", data=PHONE)

    response = client.post("/auth/verify_otp", data=PHONE | {"otp": outbox.code})

    assert response.json == {"VerificationStatus": "approved"}


def test_two_formats_of_number_are_one_phone(client, outbox):
    send(client)

    response = verify(client, outbox.code, phone="+91 94450-12345")

    assert response.json == {"VerificationStatus": "approved"}


def test_locale_selects_language_of_message(client, outbox):
    send(client, locale="fr")

    assert "Ne le partagez pas" in outbox.messages[0].body


@pytest.mark.parametrize(
    ("phone", "words"), [("+525512345678", "es tu codigo"), (PHONE["phone"], "is your")]
)
def test_language_without_text_gets_language_of_country(app_with, outbox, phone, words):
    client = app_with(OTP_ALLOWED_COUNTRIES="*").test_client()

    response = send(client, phone=phone, locale="bg")

    assert response.status_code == 201
    assert words in outbox.messages[0].body


def test_unknown_fields_are_ignored(client):
    assert send(client, color="green", channel="sms", locale=None).status_code == 201


@pytest.mark.parametrize(
    ("more", "error_name"),
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
def test_send_with_invalid_field_is_400(client, outbox, more, error_name):
    response = send(client, **more)

    assert (response.status_code, response.json["error"]) == (400, error_name)
    assert set(response.json) == {"msg", "error"}
    assert outbox.messages == []


@pytest.mark.parametrize(
    ("otp", "error_name"),
    [
        (None, "invalid_request"),
        ("", "invalid_request"),
        (123456, "invalid_request"),
        ("123", "invalid_code"),
        ("12345678901", "invalid_code"),
        ("12345a", "invalid_code"),
        ("①②③④⑤⑥", "invalid_code"),
        ("12\x1b3456", "invalid_code"),
        ("123456\x00", "invalid_code"),
    ],
)
def test_malformed_code_is_400_and_uses_no_attempt(client, outbox, otp, error_name):
    send(client)

    response = verify(client, otp)

    assert (response.status_code, response.json["error"]) == (400, error_name)
    assert (
        verify(client, different_code(outbox.code)).headers["OTP-Attempts-Left"] == "4"
    )


@pytest.mark.parametrize(
    ("phone", "error_name"),
    [
        ("+14155550123", "country_not_allowed"),
        ("+912224935555", "number_type_not_allowed"),
    ],
)
def test_number_outside_allowed_destinations_is_403(
    app_with, outbox, phone, error_name
):
    client = app_with(OTP_ALLOWED_COUNTRIES="IN").test_client()

    response = send(client, phone=phone)

    assert (response.status_code, response.json["error"]) == (403, error_name)
    assert outbox.messages == []


def test_check_without_pending_verification_is_404(client):
    response = verify(client, "123456")

    assert response.status_code == 404
    assert response.json["error"] == "verification_not_found"


def test_used_code_and_missing_verification_have_same_response(client, outbox):
    missing = verify(client, "123456")
    send(client)
    verify(client, outbox.code)

    used = verify(client, outbox.code)

    assert (used.status_code, used.json) == (missing.status_code, missing.json)


def test_exhausted_attempts_are_429_with_retry_after(client, outbox):
    send(client)
    for _ in range(5):
        verify(client, different_code(outbox.code))

    for response in (verify(client, outbox.code), send(client)):
        assert (response.status_code, response.json["error"]) == (
            429,
            "too_many_attempts",
        )
        assert response.headers["Retry-After"] == "600"
        assert response.headers["OTP-Attempts-Left"] == "0"


def test_send_during_cooldown_is_429_with_retry_after(app_with):
    client = app_with(OTP_RESEND_COOLDOWN="30s").test_client()
    send(client)

    response = send(client)

    assert (response.status_code, response.json["error"]) == (429, "rate_limited")
    assert response.headers["Retry-After"] == "30"


def test_opted_out_recipient_reads_what_to_answer(client, outbox):
    outbox.error = RecipientOptedOut()

    response = send(client)

    assert "Answer START" in response.json["msg"]


def test_environment_sets_limit_per_phone(app_with):
    client = app_with(OTP_SENDS_PER_PHONE="1/1h").test_client()
    send(client)

    response = send(client)

    assert response.status_code == 429
    assert response.headers["Retry-After"] == "3600"


@pytest.mark.parametrize(
    ("error", "status", "error_name"),
    [
        (DeliveryFailed(), 502, "delivery_failed"),
        (RecipientOptedOut(), 403, "recipient_opted_out"),
        (DeliveryUnconfirmed(), 504, "delivery_unconfirmed"),
        (ProviderUnavailable(), 503, "unavailable"),
        (StoreUnavailable(), 503, "unavailable"),
    ],
)
def test_failed_or_unconfirmed_send_is_not_201(
    client, outbox, error, status, error_name
):
    outbox.error = error

    response = send(client)

    assert (response.status_code, response.json["error"]) == (status, error_name)
    assert ("Retry-After" in response.headers) == (status == 503)
    assert ("OTP-Expires-In" in response.headers) == (status == 504)


def test_full_hash_queue_is_503_with_retry_after(new_app):
    app = new_app(OTP_HASH_WAIT="100ms")
    client = app.test_client()
    # The first hash measures how long one takes.
    send(client, phone="9445067890")
    queue = app.extensions["otp_engine"].current_engines().production.hash_queue

    with ExitStack() as slots:
        with suppress(Overloaded):
            while True:
                slots.enter_context(queue.acquire_slot(None, "127.0.0.1"))
        response = send(client)

    assert (response.status_code, response.json["error"]) == (503, "unavailable")
    assert response.headers["Retry-After"] == "1"


class BrokenSender:
    """A sender that raises an error with the text of the message."""

    name = "broken"
    channels = (Channel.SMS,)
    reports_delivery = False

    @contextmanager
    def acquire_slot(self):
        yield self.send

    def send(self, message):
        raise RuntimeError(message.body)

    def ping(self):
        raise RuntimeError


def test_unexpected_error_is_500_with_request_id_and_no_secret(store, caplog):
    app = create_app(
        config.load({"OTP_DEV": "1"}), store=store, senders=by_name(BrokenSender())
    )

    with caplog.at_level(logging.INFO):
        response = send(app.test_client())

    assert [vars(line).get("error") for line in caplog.records][-1] == "internal_error"
    assert response.status_code == 500
    assert set(response.json) == {"msg", "error"}
    assert response.headers["X-Request-Id"] in response.json["msg"]
    assert "code" not in response.json["msg"]


def test_error_in_response_hook_is_500_in_contract_format(new_app, caplog):
    app = new_app()

    def fail_once(response):
        app.after_request_funcs[None].remove(fail_once)
        raise RuntimeError("9445012345")

    app.after_request(fail_once)

    response = app.test_client().get("/healthz")

    assert (response.status_code, response.json["error"]) == (500, "internal_error")
    assert "/healthz" not in caplog.messages


def test_repr_of_body_shows_field_names_only(app_with):
    body = {"phone": "9445012345", "otp": "123456"}
    with app_with().test_request_context(method="POST", json=body) as context:
        shown = repr(request_body.parse(context.request))

    assert shown == "Body('otp', 'phone')"


@pytest.mark.parametrize(
    "locale",
    ["+919445012345", "919445012345", "en\x1b[2J", "en\nforged", "e", "en-", "<b>"],
)
def test_malformed_locale_is_rejected_without_event(client, store, locale):
    response = client.post("/auth/send_otp", json=PHONE | {"locale": locale})

    assert (response.status_code, response.json["error"]) == (400, "invalid_request")
    assert list(store.events.since(None)) == []
