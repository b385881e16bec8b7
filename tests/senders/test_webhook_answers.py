from __future__ import annotations

import json
from datetime import timedelta

import pytest

from otp_engine.errors import (
    CountryNotAllowed,
    DeliveryFailed,
    DeliveryUnconfirmed,
    InvalidPhone,
    NumberTypeNotAllowed,
    OTPError,
    ProviderUnavailable,
    RecipientNotOnChannel,
    RecipientOptedOut,
)
from otp_engine.senders import webhook_answers
from otp_engine.senders.http_connection import HttpResponse


def answer(status, document=b"", **headers):
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    fields = {
        name.lower().replace("_", "-").encode(): value.encode()
        for name, value in headers.items()
    }
    return HttpResponse(status, body, fields)


def error_of(response):
    with pytest.raises(OTPError) as raised:
        webhook_answers.read(response)
    return raised.value


@pytest.mark.parametrize(
    ("document", "message_id"),
    [
        (b"", None),
        (b" \n", None),
        ({"accepted": True}, None),
        ({"message_id": "m-1"}, "m-1"),
        ({"message_id": 17}, "17"),
        ({"accepted": True, "message_id": None}, None),
        ({"accepted": True, "message_id": "two words"}, None),
        ({"accepted": True, "message_id": "m" * 129}, None),
        ({"accepted": True, "message_id": "a\r\nb"}, None),
        ({"message_id": "m-1", "more": {"is": "ignored"}}, "m-1"),
    ],
)
@pytest.mark.parametrize("status", [200, 201, 202])
def test_accepted_message_has_the_id_of_the_answer(status, document, message_id):
    assert webhook_answers.read(answer(status, document)) == message_id


def test_answer_without_content_is_accepted():
    assert webhook_answers.read(answer(204)) is None


@pytest.mark.parametrize(
    "document",
    [
        b"OK",
        b"<html>It works!</html>",
        b"{",
        b"\xff\xfe",
        b"\x00",
        b"[" * 50_000,
        b"null",
        b"[]",
        b'"accepted"',
        b"true",
        b"1",
        {},
        {"accepted": 1},
        {"accepted": "true"},
        {"accepted": None},
        {"message_id": ""},
        {"message_id": None},
        {"message_id": True},
        {"message_id": ["m-1"]},
        {"message_id": "nul\x00"},
        {"message_id": "m-1", "error": "a new word"},
        {"accepted": True, "error": 5},
        {"message": "Workflow was started"},
        {"messages": [{"status": "4"}]},
    ],
)
def test_malformed_answer_is_an_unknown_outcome(document):
    assert type(error_of(answer(200, document))) is DeliveryUnconfirmed


@pytest.mark.parametrize("status", [200, 400, 422, 500, 503])
@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("invalid_phone", InvalidPhone),
        ("number_type_not_allowed", NumberTypeNotAllowed),
        ("country_not_allowed", CountryNotAllowed),
        ("recipient_opted_out", RecipientOptedOut),
        ("recipient_not_on_channel", RecipientNotOnChannel),
        ("rate_limited", ProviderUnavailable),
        ("unavailable", ProviderUnavailable),
        ("unconfirmed", DeliveryUnconfirmed),
    ],
)
def test_error_of_an_answer_precedes_its_status(status, word, kind):
    assert type(error_of(answer(status, {"error": word}))) is kind


@pytest.mark.parametrize(
    ("word", "retry_elsewhere"),
    [
        ("recipient_rejected", False),
        ("rejected", True),
        ("authentication_failed", True),
        ("misconfigured", True),
    ],
)
def test_rejection_of_the_recipient_is_not_tried_elsewhere(word, retry_elsewhere):
    error = error_of(answer(400, {"error": word}))

    assert type(error) is DeliveryFailed
    assert error.retry_elsewhere is retry_elsewhere


def test_message_that_is_not_accepted_for_another_reason_is_tried_elsewhere():
    error = error_of(answer(200, {"accepted": False, "error": "a new word"}))

    assert type(error) is DeliveryFailed
    assert error.retry_elsewhere


@pytest.mark.parametrize(
    "status",
    [301, 307, 308, 400, 401, 402, 403, 404, 405, 410, 411, 413, 415, 421, 422],
)
def test_status_without_effect_is_tried_elsewhere(status):
    error = error_of(answer(status, b"<html>"))

    assert type(error) is DeliveryFailed
    assert error.retry_elsewhere


@pytest.mark.parametrize(
    "status",
    [300, 302, 303, 304, 408, 409, 425, 499, 500, 502, 503, 504, 520, 599, 999],
)
def test_status_with_a_possible_effect_is_an_unknown_outcome(status):
    assert type(error_of(answer(status))) is DeliveryUnconfirmed


@pytest.mark.parametrize(
    ("response", "seconds"),
    [
        (answer(429), 1),
        (answer(429, Retry_After="7"), 7),
        (answer(429, Retry_After="0"), 1),
        (answer(429, Retry_After="999999"), 3600),
        (answer(429, Retry_After="-5"), 1),
        (answer(429, Retry_After="7.5"), 1),
        (answer(429, Retry_After="٧"), 1),
        (answer(429, Retry_After="Fri, 27 Nov 2026 06:00:00 GMT"), 1),
        (answer(200, {"error": "rate_limited", "retry_after": 9}), 9),
        (answer(429, {"error": "unavailable"}, Retry_After="8"), 8),
        (answer(429, {"error": "rate_limited", "retry_after": [9]}), 1),
    ],
)
def test_throttled_message_has_the_time_to_wait(response, seconds):
    error = error_of(response)

    assert type(error) is ProviderUnavailable
    assert error.retry_after == timedelta(seconds=seconds)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_body_of_a_receiver_without_results_is_ignored(status):
    webhook_answers.read_status(answer(status, {"error": "rejected"}))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (308, DeliveryFailed),
        (401, DeliveryFailed),
        (429, ProviderUnavailable),
        (500, DeliveryUnconfirmed),
    ],
)
def test_status_of_a_receiver_without_results_is_its_result(status, kind):
    with pytest.raises(kind):
        webhook_answers.read_status(answer(status))
