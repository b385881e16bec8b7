from __future__ import annotations

import pytest

from otp_engine.senders import error_codes
from otp_engine.senders.error_codes import ErrorCodes


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (30003, 30003),
        ("07", 7),
        ("UNDELIV", "UNDELIV"),
        ("smpp.0x45", "smpp.0x45"),
        ("123456", None),
        ("1-2-3-4-5-6", None),
        ("+9194450", None),
        (True, None),
        (1.5, None),
        ("٣٠٠٠٣", None),
    ],
)
def test_code_is_a_short_word_with_few_digits(value, code):
    assert error_codes.parse(value) == code


def test_number_of_different_codes_is_limited():
    codes = ErrorCodes()
    kept = [codes.limit(code, "482913") for code in range(150)]

    assert kept[:100] == list(range(100))
    assert kept[100:] == [None] * 50
    assert codes.limit(7, "482913") == 7


def test_error_code_does_not_contain_the_code_of_the_message():
    codes = ErrorCodes()

    assert codes.limit("E4829", "4829") is None
    assert codes.limit(4829, "4829") is None
    assert codes.limit(30003, "4829") == 30003
