"""Bound verifications on `/auth`: a send with `bind`, and its handle."""

from __future__ import annotations

import pytest

from otp_engine.errors import DeliveryUnconfirmed
from tests.api.test_rehearsal import CODE, ENTRY, NUMBER
from tests.support.fakes import different_code

PHONE = "9445012345"


def send(http, **fields):
    return http.post("/auth/send_otp", json=fields)


def check(http, code, **fields):
    return http.post("/auth/verify_otp", json={"otp": code} | fields)


@pytest.fixture
def handle(http):
    """A bound verification of the phone is waiting."""
    return send(http, phone=PHONE, bind=True).headers["OTP-Verification"]


def test_a_bound_send_has_the_contracts_body_and_a_handle(http):
    answer = send(http, phone=PHONE, bind=True)

    assert answer.status_code == 201
    assert answer.json == {
        "message": "OTP sent successfully.",
        "VerificationStatus": "pending",
    }
    assert len(answer.headers["OTP-Verification"]) >= 60
    assert PHONE not in answer.headers["OTP-Verification"]


@pytest.mark.parametrize("fields", [{}, {"bind": False}, {"bind": None}], ids=range(3))
def test_a_send_without_bind_has_no_handle(http, fields):
    assert "OTP-Verification" not in send(http, phone=PHONE, **fields).headers


def test_a_silent_provider_leaves_the_handle(http, outbox):
    """The code may arrive, and then it works."""
    outbox.error = DeliveryUnconfirmed()
    answer = send(http, phone=PHONE, bind=True)

    assert (answer.status_code, answer.json["error"]) == (504, "delivery_unconfirmed")
    handle = answer.headers["OTP-Verification"]
    wrong = check(http, "000000", verification=handle)
    assert wrong.json == {"VerificationStatus": "pending"}


def test_a_form_can_bind(http):
    answer = http.post("/auth/send_otp", data={"phone": PHONE, "bind": "true"})

    assert answer.headers["OTP-Verification"]


@pytest.mark.parametrize("bind", ["yes", 1, "", [True], {}], ids=range(5))
def test_bind_is_true_or_false(http, bind, outbox):
    answer = send(http, phone=PHONE, bind=bind)

    assert (answer.status_code, answer.json["error"]) == (400, "invalid_request")
    assert outbox.messages == []


def test_the_handle_is_checked_without_the_phone(http, outbox, handle):
    answer = check(http, outbox.code, verification=handle)

    assert answer.json == {"VerificationStatus": "approved"}


def test_the_handle_is_checked_with_its_phone(http, outbox, handle):
    answer = check(http, outbox.code, verification=handle, phone=PHONE)

    assert answer.json == {"VerificationStatus": "approved"}


def test_a_handle_with_another_phone_spends_no_check(http, outbox, handle):
    answer = check(http, outbox.code, verification=handle, phone="9445067890")

    assert (answer.status_code, answer.json["error"]) == (400, "invalid_request")
    left = check(http, different_code(outbox.code), verification=handle)
    assert left.headers["OTP-Attempts-Left"] == "4"


def test_the_phone_alone_does_not_find_a_bound_verification(http, outbox, handle):
    answer = check(http, outbox.code, phone=PHONE)

    assert (answer.status_code, answer.json["error"]) == (404, "verification_not_found")


def test_strangers_cannot_end_a_bound_verification(http, outbox, handle):
    code = outbox.code
    send(http, phone=PHONE)
    for _ in range(6):
        check(http, different_code(*outbox.codes), phone=PHONE)
    assert check(http, outbox.code, phone=PHONE).status_code == 429

    assert check(http, code, verification=handle).json == {
        "VerificationStatus": "approved"
    }


def test_a_bound_verification_is_sent_again_with_its_handle(http, outbox, handle):
    again = send(http, verification=handle)

    assert again.status_code == 201
    assert again.headers["OTP-Verification"] == handle
    assert check(http, outbox.codes[0], verification=handle).json == {
        "VerificationStatus": "approved"
    }


def test_an_ended_verification_is_not_sent_again(http, outbox, handle):
    check(http, outbox.code, verification=handle)

    answer = send(http, verification=handle)

    assert (answer.status_code, answer.json["error"]) == (404, "verification_not_found")
    assert len(outbox.messages) == 1


def test_a_bound_verification_is_cancelled_with_its_handle(http, outbox, handle):
    answer = http.post("/auth/cancel_otp", json={"verification": handle})

    assert (answer.status_code, answer.json) == (
        200,
        {"VerificationStatus": "canceled"},
    )
    assert check(http, outbox.code, verification=handle).status_code == 404
    again = http.post("/auth/cancel_otp", json={"verification": handle})
    assert again.status_code == 404


def test_only_a_handle_cancels(http, outbox):
    send(http, phone=PHONE)

    answer = http.post("/auth/cancel_otp", json={"phone": PHONE})

    assert (answer.status_code, answer.json["error"]) == (400, "invalid_request")
    assert check(http, outbox.code, phone=PHONE).json == {
        "VerificationStatus": "approved"
    }


@pytest.mark.parametrize("text", ["x", "A" * 60, "é", "../..", PHONE])
@pytest.mark.parametrize("path", ["send_otp", "verify_otp", "cancel_otp"])
def test_what_is_no_handle_finds_nothing(http, outbox, path, text):
    answer = http.post(f"/auth/{path}", json={"verification": text, "otp": "123456"})

    assert (answer.status_code, answer.json["error"]) == (404, "verification_not_found")
    assert outbox.messages == []


@pytest.mark.parametrize("given", ["", 5, True, ["x"]], ids=range(4))
def test_a_handle_is_text(http, given):
    answer = check(http, "123456", verification=given)

    assert (answer.status_code, answer.json["error"]) == (400, "invalid_request")


def test_the_handle_is_in_no_log_line(http, outbox, caplog):
    caplog.set_level("DEBUG")
    handle = send(http, phone=PHONE, bind=True).headers["OTP-Verification"]

    check(http, outbox.code, verification=handle)

    assert handle not in caplog.text


def test_a_number_for_tests_can_be_bound(app_with):
    http = app_with(OTP_TEST_NUMBERS=ENTRY).test_client()
    handle = send(http, phone=NUMBER, bind=True).headers["OTP-Verification"]

    assert check(http, CODE, phone=NUMBER).status_code == 404
    assert check(http, CODE, verification=handle).json == {
        "VerificationStatus": "approved"
    }
