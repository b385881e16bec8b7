"""Sends with an identity, which prefer its authenticator app to a message."""

from __future__ import annotations

import time

import pyotp
import pytest

from tests.support.settings import ANONYMOUS, PRODUCTION

IDENTITY = {"identity": "user-4711"}
PHONE = {"phone": "9445012345"}
SENT = {"message": "OTP sent successfully.", "VerificationStatus": "pending"}
KEY = {"Authorization": f"Bearer {PRODUCTION['OTP_API_KEYS'].partition(':')[2]}"}


def send(client, **more):
    return client.post("/auth/send_otp", json=PHONE | IDENTITY | more)


def code(secret, step=0):
    return pyotp.TOTP(secret).generate_otp(int(time.time()) // 30 + step)


def activate(client):
    """Give the identity an authenticator; return its secret."""
    secret = client.post("/auth/totp/enroll", json=IDENTITY).json["secret"]
    body = IDENTITY | {"otp": code(secret)}
    response = client.post("/auth/totp/activate", json=body)
    assert response.json == {"VerificationStatus": "approved"}
    return secret


@pytest.mark.parametrize("more", [{}, {"channel": "auto"}])
def test_identity_with_an_authenticator_gets_no_message(client, outbox, more):
    activate(client)

    response = send(client, **more)

    assert (response.status_code, response.json) == (201, SENT)
    assert response.headers["OTP-Channel"] == "totp"
    assert "OTP-Expires-In" not in response.headers
    assert outbox.messages == []


def test_send_to_an_authenticator_counts_nothing_for_the_phone(app_with, outbox):
    client = app_with(
        OTP_SENDS_PER_PHONE="1/1h", OTP_RESEND_COOLDOWN="1h"
    ).test_client()
    activate(client)
    for _ in range(3):
        assert send(client).status_code == 201

    response = send(client, channel="sms")

    assert response.status_code == 201
    assert len(outbox.messages) == 1


def test_code_of_the_app_answers_the_send(client):
    secret = activate(client)
    send(client)

    response = client.post(
        "/auth/totp/verify", json=IDENTITY | {"otp": code(secret, 1)}
    )

    assert response.json == {"VerificationStatus": "approved"}


def test_named_channel_sends_a_message(client, outbox):
    activate(client)

    response = send(client, channel="sms")

    assert response.headers["OTP-Channel"] == "sms"
    assert len(outbox.messages) == 1


def test_identity_without_an_authenticator_gets_a_message(client, outbox):
    response = send(client)

    assert response.headers["OTP-Channel"] == "sms"
    assert len(outbox.messages) == 1


def test_enrollment_that_is_not_active_leaves_the_message(client, outbox):
    client.post("/auth/totp/enroll", json=IDENTITY)

    response = send(client)

    assert response.headers["OTP-Channel"] == "sms"


def test_locked_authenticator_leaves_the_message(app_with, outbox):
    client = app_with(OTP_FAILED_CHECKS_PER_FACTOR="1/1h").test_client()
    secret = activate(client)
    valid = {code(secret, step) for step in range(-3, 5)}
    wrong = next(each for each in ("000000", "111111", "222222") if each not in valid)
    client.post("/auth/totp/verify", json=IDENTITY | {"otp": wrong})

    response = send(client)

    assert response.headers["OTP-Channel"] == "sms"
    assert len(outbox.messages) == 1


def test_resend_by_handle_sends_a_message(client, outbox):
    bound = client.post("/auth/send_otp", json=PHONE | {"bind": True})
    activate(client)

    response = client.post(
        "/auth/send_otp",
        json=IDENTITY | {"verification": bound.headers["OTP-Verification"]},
    )

    assert response.headers["OTP-Channel"] == "sms"
    assert len(outbox.messages) == 2


def test_blocked_network_is_refused_before_the_lookup(app_with):
    client = app_with(OTP_BLOCKED_NETWORKS="127.0.0.0/8").test_client()

    response = send(client)

    assert response.json["error"] == "network_not_allowed"


def test_anonymous_client_names_no_identity_outside_dev_mode(app_with):
    client = app_with(**ANONYMOUS).test_client()

    response = send(client)

    assert response.status_code == 400
    assert response.json["msg"] == "'identity' needs an API key."


def test_client_with_a_key_without_a_factor_key_gets_a_message(app_with, outbox):
    client = app_with(**PRODUCTION).test_client()

    response = client.post("/auth/send_otp", json=PHONE | IDENTITY, headers=KEY)

    assert response.headers["OTP-Channel"] == "sms"
    assert len(outbox.messages) == 1


def test_invalid_identity_is_rejected_and_sends_nothing(client, outbox):
    response = send(client, identity="+919445012345")

    assert (response.status_code, response.json["error"]) == (400, "invalid_identity")
    assert "9445012345" not in response.text
    assert outbox.messages == []
