from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otp_engine.crypto.webhook_signatures import (
    TOLERANCE,
    WebhookSecret,
    is_recent,
    is_valid,
    sign,
)

# The example of the specification.
SECRET = WebhookSecret.parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
MESSAGE_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
NOW = datetime.fromtimestamp(1614265330, UTC)
BODY = b'{"test": 2432232314}'
HEADERS = {
    "webhook-id": MESSAGE_ID,
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
OTHER = WebhookSecret(b"o" * 24)


def test_signature_is_that_of_the_specification():
    assert sign([SECRET], message_id=MESSAGE_ID, at=NOW, body=BODY) == HEADERS


def test_signature_of_the_specification_is_valid():
    assert is_valid([SECRET], HEADERS, BODY, NOW)


def test_names_of_headers_have_any_case():
    headers = {name.title(): value for name, value in HEADERS.items()}

    assert is_valid([SECRET], headers, BODY, NOW)


@pytest.mark.parametrize("secrets", [[SECRET, OTHER], [OTHER, SECRET]])
def test_message_of_one_secret_is_valid_for_two(secrets):
    assert is_valid(secrets, HEADERS, BODY, NOW)


@pytest.mark.parametrize("secret", [SECRET, OTHER])
def test_message_of_two_secrets_is_valid_for_each(secret):
    headers = sign([SECRET, OTHER], message_id=MESSAGE_ID, at=NOW, body=BODY)

    assert is_valid([secret], headers, BODY, NOW)


@pytest.mark.parametrize("secrets", [[], [OTHER]])
def test_message_of_another_secret_is_not_valid(secrets):
    assert not is_valid(secrets, HEADERS, BODY, NOW)


@pytest.mark.parametrize("offset", [-TOLERANCE, TOLERANCE])
def test_message_within_tolerance_is_valid(offset):
    assert is_valid([SECRET], HEADERS, BODY, NOW + offset)


@pytest.mark.parametrize("offset", [-TOLERANCE, TOLERANCE])
def test_message_outside_of_tolerance_is_not_valid(offset):
    later = timedelta(seconds=1 if offset > timedelta() else -1)

    assert not is_valid([SECRET], HEADERS, BODY, NOW + offset + later)


def test_changed_body_is_not_valid():
    assert not is_valid([SECRET], HEADERS, BODY + b" ", NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "msg_other"},
        {"webhook-id": ""},
        {"webhook-id": "é"},
        {"webhook-timestamp": "1614265331"},
        {"webhook-timestamp": ""},
        {"webhook-timestamp": "1614265330.0"},
        {"webhook-timestamp": " 1614265330"},
        {"webhook-timestamp": "1_614_265_330"},
        {"webhook-timestamp": "١٦١٤٢٦٥٣٣٠"},
        {"webhook-timestamp": "9" * 5000},
        {"webhook-signature": ""},
        {"webhook-signature": "v1"},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1,not base64"},
        {"webhook-signature": "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
        {"webhook-signature": "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
        {"webhook-signature": "v1a,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
        {"webhook-signature": "v1,é\udcff\x00"},
    ],
)
def test_malformed_header_is_not_valid(change):
    assert not is_valid([SECRET], HEADERS | change, BODY, NOW)


@pytest.mark.parametrize("name", list(HEADERS))
def test_missing_header_is_not_valid(name):
    headers = {key: value for key, value in HEADERS.items() if key != name}

    assert not is_valid([SECRET], headers, BODY, NOW)


def test_second_of_several_signatures_is_compared():
    signature = f"v1a,AAAA v1,AAAA {HEADERS['webhook-signature']}"

    assert is_valid([SECRET], HEADERS | {"webhook-signature": signature}, BODY, NOW)


def test_part_of_the_body_is_no_part_of_the_id():
    headers = sign([SECRET], message_id="a", at=NOW, body=b"1614265330.rest")

    moved = headers | {"webhook-id": f"a.{headers['webhook-timestamp']}"}
    assert not is_valid([SECRET], moved, b"rest", NOW)


@pytest.mark.parametrize("message_id", ["", "a.b", "a b", "a\n", "é", "a" * 257])
def test_id_that_separates_or_breaks_headers_is_not_signed(message_id):
    with pytest.raises(ValueError, match="without a dot"):
        sign([SECRET], message_id=message_id, at=NOW, body=BODY)


def test_message_without_secret_is_not_signed():
    with pytest.raises(ValueError, match="needs a secret"):
        sign([], message_id=MESSAGE_ID, at=NOW, body=BODY)


def test_headers_without_signature_are_not_recent():
    assert not is_recent(HEADERS | {"webhook-signature": ""}, NOW)


def test_headers_with_any_signature_are_recent():
    assert is_recent(HEADERS | {"webhook-signature": "v1,AAAA"}, NOW)


@given(st.binary(min_size=24, max_size=64), st.binary())
def test_signed_message_is_valid(key, body):
    secret = WebhookSecret.parse(WebhookSecret(key).to_text())
    headers = sign([secret], message_id="id", at=NOW, body=body)

    assert is_valid([secret], headers, body, NOW)


def test_generated_secrets_differ():
    assert WebhookSecret.generate().key != WebhookSecret.generate().key


@pytest.mark.parametrize("size", [0, 23, 65])
def test_secret_of_another_length_is_rejected(size):
    text = f"whsec_{base64.b64encode(b's' * size).decode()}"

    with pytest.raises(ValueError, match="24 to 64 bytes"):
        WebhookSecret.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "whsec_",
        base64.b64encode(b"s" * 24).decode(),
        f"whsk_{base64.b64encode(b's' * 24).decode()}",
        f"whsec_{base64.b64encode(b's' * 25).decode().rstrip('=')}",
        f"whsec_{base64.b64encode(b's' * 24).decode()}\n",
        f"whsec_{base64.urlsafe_b64encode(bytes([255]) * 24).decode()}",
        "whsec_é",
    ],
)
def test_malformed_secret_is_rejected_without_its_text(text):
    with pytest.raises(ValueError, match="24 to 64 bytes") as caught:
        WebhookSecret.parse(text)

    assert not text[6:] or text[6:] not in str(caught.value)


def test_representation_of_a_secret_does_not_contain_it():
    assert repr(SECRET) == "WebhookSecret()"
