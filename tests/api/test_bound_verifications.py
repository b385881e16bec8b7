"""Bound verifications on `/auth`: a send with `bind`, and its handle."""

from __future__ import annotations

import pytest

from otp_engine.errors import DeliveryUnconfirmed
from tests.api.test_sandbox_numbers import CODE, ENTRY, NUMBER
from tests.support.fakes import different_code

PHONE = "9445012345"


def send(client, **fields):
    return client.post("/auth/send_otp", json=fields)


def check(client, code, **fields):
    return client.post("/auth/verify_otp", json={"otp": code} | fields)


@pytest.fixture
def handle(client):
    """Return the handle of a pending bound verification."""
    return send(client, phone=PHONE, bind=True).headers["OTP-Verification"]


def test_bound_send_returns_body_of_contract_and_handle(client):
    response = send(client, phone=PHONE, bind=True)

    assert response.status_code == 201
    assert response.json == {
        "message": "OTP sent successfully.",
        "VerificationStatus": "pending",
    }
    assert len(response.headers["OTP-Verification"]) >= 60
    assert PHONE not in response.headers["OTP-Verification"]


@pytest.mark.parametrize("fields", [{}, {"bind": False}, {"bind": None}], ids=range(3))
def test_send_without_bind_has_no_handle(client, fields):
    assert "OTP-Verification" not in send(client, phone=PHONE, **fields).headers


def test_unconfirmed_bound_send_returns_usable_handle(client, outbox):
    # The message may still arrive, so the recipient must be able to use the code.
    outbox.error = DeliveryUnconfirmed()
    response = send(client, phone=PHONE, bind=True)

    assert (response.status_code, response.json["error"]) == (
        504,
        "delivery_unconfirmed",
    )
    handle = response.headers["OTP-Verification"]
    wrong = check(client, "000000", verification=handle)
    assert wrong.json == {"VerificationStatus": "pending"}


def test_form_body_can_bind(client):
    response = client.post("/auth/send_otp", data={"phone": PHONE, "bind": "true"})

    assert response.headers["OTP-Verification"]


@pytest.mark.parametrize("bind", ["yes", 1, "", [True], {}], ids=range(5))
def test_invalid_bind_is_400_and_sends_nothing(client, bind, outbox):
    response = send(client, phone=PHONE, bind=bind)

    assert (response.status_code, response.json["error"]) == (400, "invalid_request")
    assert outbox.messages == []


def test_code_with_handle_is_approved(client, outbox, handle):
    response = check(client, outbox.code, verification=handle)

    assert response.json == {"VerificationStatus": "approved"}


def test_code_with_handle_and_its_phone_is_approved(client, outbox, handle):
    response = check(client, outbox.code, verification=handle, phone=PHONE)

    assert response.json == {"VerificationStatus": "approved"}


def test_handle_with_other_phone_is_400_and_uses_no_attempt(client, outbox, handle):
    response = check(client, outbox.code, verification=handle, phone="9445067890")

    assert (response.status_code, response.json["error"]) == (400, "invalid_request")
    wrong = check(client, different_code(outbox.code), verification=handle)
    assert wrong.headers["OTP-Attempts-Left"] == "4"


def test_bound_verification_is_not_found_by_phone(client, outbox, handle):
    response = check(client, outbox.code, phone=PHONE)

    assert (response.status_code, response.json["error"]) == (
        404,
        "verification_not_found",
    )


def test_checks_by_phone_use_no_attempt_of_bound_verification(client, outbox, handle):
    code = outbox.code
    send(client, phone=PHONE)
    for _ in range(6):
        check(client, different_code(*outbox.codes), phone=PHONE)
    assert check(client, outbox.code, phone=PHONE).status_code == 429

    assert check(client, code, verification=handle).json == {
        "VerificationStatus": "approved"
    }


def test_resend_with_handle_keeps_bound_verification(client, outbox, handle):
    again = send(client, verification=handle)

    assert again.status_code == 201
    assert again.headers["OTP-Verification"] == handle
    assert check(client, outbox.codes[0], verification=handle).json == {
        "VerificationStatus": "approved"
    }


def test_resend_of_approved_bound_verification_is_404(client, outbox, handle):
    check(client, outbox.code, verification=handle)

    response = send(client, verification=handle)

    assert (response.status_code, response.json["error"]) == (
        404,
        "verification_not_found",
    )
    assert len(outbox.messages) == 1


def test_bound_verification_is_canceled_with_handle(client, outbox, handle):
    response = client.post("/auth/cancel_otp", json={"verification": handle})

    assert (response.status_code, response.json) == (
        200,
        {"VerificationStatus": "canceled"},
    )
    assert check(client, outbox.code, verification=handle).status_code == 404
    again = client.post("/auth/cancel_otp", json={"verification": handle})
    assert again.status_code == 404


def test_cancellation_by_phone_is_400(client, outbox):
    send(client, phone=PHONE)

    response = client.post("/auth/cancel_otp", json={"phone": PHONE})

    assert (response.status_code, response.json["error"]) == (400, "invalid_request")
    assert check(client, outbox.code, phone=PHONE).json == {
        "VerificationStatus": "approved"
    }


@pytest.mark.parametrize("text", ["x", "A" * 60, "é", "../..", PHONE])
@pytest.mark.parametrize("path", ["send_otp", "verify_otp", "cancel_otp"])
def test_unknown_handle_is_404(client, outbox, path, text):
    response = client.post(
        f"/auth/{path}", json={"verification": text, "otp": "123456"}
    )

    assert (response.status_code, response.json["error"]) == (
        404,
        "verification_not_found",
    )
    assert outbox.messages == []


@pytest.mark.parametrize("value", ["", 5, True, ["x"]], ids=range(4))
def test_handle_of_other_type_is_400(client, value):
    response = check(client, "123456", verification=value)

    assert (response.status_code, response.json["error"]) == (400, "invalid_request")


def test_log_contains_no_handle(client, outbox, caplog):
    caplog.set_level("DEBUG")
    handle = send(client, phone=PHONE, bind=True).headers["OTP-Verification"]

    check(client, outbox.code, verification=handle)

    assert handle not in caplog.text


def test_sandbox_number_can_be_bound(app_with):
    client = app_with(OTP_TEST_NUMBERS=ENTRY).test_client()
    handle = send(client, phone=NUMBER, bind=True).headers["OTP-Verification"]

    assert check(client, CODE, phone=NUMBER).status_code == 404
    assert check(client, CODE, verification=handle).json == {
        "VerificationStatus": "approved"
    }
