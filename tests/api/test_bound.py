"""Bound verifications on `/auth`: a send with `bind`, and its handle."""

from __future__ import annotations

import pytest

from otp_engine.errors import DeliveryUnconfirmed
from tests.api.test_rehearsal import CODE, ENTRY, NUMBER
from tests.support.fakes import different_code

PHONE = "9445012345"


def send(client, **fields):
    return client.post("/auth/send_otp", json=fields)


def check(client, code, **fields):
    return client.post("/auth/verify_otp", json={"otp": code} | fields)


@pytest.fixture
def handle(client):
    """A bound verification of the phone is waiting."""
    return send(client, phone=PHONE, bind=True).headers["OTP-Verification"]


def test_a_bound_send_has_the_contracts_body_and_a_handle(client):
    answer = send(client, phone=PHONE, bind=True)

    assert answer.status_code == 201
    assert answer.json == {
        "message": "OTP sent successfully.",
        "VerificationStatus": "pending",
    }
    assert len(answer.headers["OTP-Verification"]) >= 60
    assert PHONE not in answer.headers["OTP-Verification"]


@pytest.mark.parametrize("fields", [{}, {"bind": False}, {"bind": None}], ids=range(3))
def test_a_send_without_bind_has_no_handle(client, fields):
    assert "OTP-Verification" not in send(client, phone=PHONE, **fields).headers


def test_a_silent_provider_leaves_the_handle(client, outbox):
    """The code may arrive, and then it works."""
    outbox.error = DeliveryUnconfirmed()
    answer = send(client, phone=PHONE, bind=True)

    assert (answer.status_code, answer.json["error"]) == (504, "delivery_unconfirmed")
    handle = answer.headers["OTP-Verification"]
    wrong = check(client, "000000", verification=handle)
    assert wrong.json == {"VerificationStatus": "pending"}


def test_a_form_can_bind(client):
    answer = client.post("/auth/send_otp", data={"phone": PHONE, "bind": "true"})

    assert answer.headers["OTP-Verification"]


@pytest.mark.parametrize("bind", ["yes", 1, "", [True], {}], ids=range(5))
def test_bind_is_true_or_false(client, bind, outbox):
    answer = send(client, phone=PHONE, bind=bind)

    assert (answer.status_code, answer.json["error"]) == (400, "invalid_request")
    assert outbox.messages == []


def test_the_handle_is_checked_without_the_phone(client, outbox, handle):
    answer = check(client, outbox.code, verification=handle)

    assert answer.json == {"VerificationStatus": "approved"}


def test_the_handle_is_checked_with_its_phone(client, outbox, handle):
    answer = check(client, outbox.code, verification=handle, phone=PHONE)

    assert answer.json == {"VerificationStatus": "approved"}


def test_a_handle_with_another_phone_spends_no_check(client, outbox, handle):
    answer = check(client, outbox.code, verification=handle, phone="9445067890")

    assert (answer.status_code, answer.json["error"]) == (400, "invalid_request")
    left = check(client, different_code(outbox.code), verification=handle)
    assert left.headers["OTP-Attempts-Left"] == "4"


def test_the_phone_alone_does_not_find_a_bound_verification(client, outbox, handle):
    answer = check(client, outbox.code, phone=PHONE)

    assert (answer.status_code, answer.json["error"]) == (404, "verification_not_found")


def test_strangers_cannot_end_a_bound_verification(client, outbox, handle):
    code = outbox.code
    send(client, phone=PHONE)
    for _ in range(6):
        check(client, different_code(*outbox.codes), phone=PHONE)
    assert check(client, outbox.code, phone=PHONE).status_code == 429

    assert check(client, code, verification=handle).json == {
        "VerificationStatus": "approved"
    }


def test_a_bound_verification_is_sent_again_with_its_handle(client, outbox, handle):
    again = send(client, verification=handle)

    assert again.status_code == 201
    assert again.headers["OTP-Verification"] == handle
    assert check(client, outbox.codes[0], verification=handle).json == {
        "VerificationStatus": "approved"
    }


def test_an_ended_verification_is_not_sent_again(client, outbox, handle):
    check(client, outbox.code, verification=handle)

    answer = send(client, verification=handle)

    assert (answer.status_code, answer.json["error"]) == (404, "verification_not_found")
    assert len(outbox.messages) == 1


def test_a_bound_verification_is_cancelled_with_its_handle(client, outbox, handle):
    answer = client.post("/auth/cancel_otp", json={"verification": handle})

    assert (answer.status_code, answer.json) == (
        200,
        {"VerificationStatus": "canceled"},
    )
    assert check(client, outbox.code, verification=handle).status_code == 404
    again = client.post("/auth/cancel_otp", json={"verification": handle})
    assert again.status_code == 404


def test_only_a_handle_cancels(client, outbox):
    send(client, phone=PHONE)

    answer = client.post("/auth/cancel_otp", json={"phone": PHONE})

    assert (answer.status_code, answer.json["error"]) == (400, "invalid_request")
    assert check(client, outbox.code, phone=PHONE).json == {
        "VerificationStatus": "approved"
    }


@pytest.mark.parametrize("text", ["x", "A" * 60, "é", "../..", PHONE])
@pytest.mark.parametrize("path", ["send_otp", "verify_otp", "cancel_otp"])
def test_what_is_no_handle_finds_nothing(client, outbox, path, text):
    answer = client.post(f"/auth/{path}", json={"verification": text, "otp": "123456"})

    assert (answer.status_code, answer.json["error"]) == (404, "verification_not_found")
    assert outbox.messages == []


@pytest.mark.parametrize("given", ["", 5, True, ["x"]], ids=range(4))
def test_a_handle_is_text(client, given):
    answer = check(client, "123456", verification=given)

    assert (answer.status_code, answer.json["error"]) == (400, "invalid_request")


def test_the_handle_is_in_no_log_line(client, outbox, caplog):
    caplog.set_level("DEBUG")
    handle = send(client, phone=PHONE, bind=True).headers["OTP-Verification"]

    check(client, outbox.code, verification=handle)

    assert handle not in caplog.text


def test_a_number_for_tests_can_be_bound(app_with):
    http = app_with(OTP_TEST_NUMBERS=ENTRY).test_client()
    handle = send(http, phone=NUMBER, bind=True).headers["OTP-Verification"]

    assert check(http, CODE, phone=NUMBER).status_code == 404
    assert check(http, CODE, verification=handle).json == {
        "VerificationStatus": "approved"
    }
