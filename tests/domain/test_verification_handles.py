from __future__ import annotations

import base64

import pytest

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain import verification_handles
from otp_engine.domain.phones import numbers
from otp_engine.domain.verification_handles import VerificationHandle
from otp_engine.errors import VerificationNotFound

PEPPER = Pepper(b"p" * 32)
HANDLE = VerificationHandle(b"v" * 16, numbers.parse("+919445012345", "IN"))
ENCODED = HANDLE.encode(PEPPER)


def parse(text, *peppers):
    return verification_handles.parse(
        text, peppers, lambda e164: numbers.parse(e164, numbers.UNKNOWN_REGION)
    )


def test_handle_is_parsed_under_either_pepper_of_a_rotation():
    assert parse(ENCODED, Pepper(b"n" * 32), PEPPER) == HANDLE


def test_handle_contains_no_number():
    assert "9445012345" not in ENCODED
    assert ENCODED.isascii()
    assert "=" not in ENCODED


@pytest.mark.parametrize(
    "text",
    [
        ENCODED[:-1],
        f"{ENCODED}A",
        f"{ENCODED}=",
        ENCODED.swapcase(),
        f" {ENCODED}",
        f"{ENCODED}\n",
        "",
        "\u00e9" * 60,
        "A" * 60,
        base64.urlsafe_b64encode(PEPPER.encrypt(b"v" * 29, context=b"handle")).decode(),
        base64.urlsafe_b64encode(PEPPER.encrypt(b"v", context=b"number")).decode(),
    ],
    ids=range(11),
)
def test_changed_handle_finds_no_verification(text):
    with pytest.raises(VerificationNotFound):
        parse(text, PEPPER)


def test_handle_of_another_pepper_finds_no_verification():
    with pytest.raises(VerificationNotFound):
        parse(HANDLE.encode(PEPPER), Pepper(b"q" * 32))
