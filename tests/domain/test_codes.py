from __future__ import annotations

import random
import secrets
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otp_engine.domain import codes
from otp_engine.errors import InvalidCode

lengths = st.integers(4, 10)


@given(length=lengths, secret=st.binary(min_size=20, max_size=20))
def test_code_has_the_requested_number_of_digits(length, secret):
    code = codes.generate(length, lambda _: secret)

    assert len(code) == length
    assert set(code) <= set("0123456789")


@pytest.mark.parametrize(("seed", "code"), [(446_172, "000000"), (8_678, "999999")])
def test_first_and_last_code_can_occur(seed, code):
    assert codes.generate(6, lambda size: seed.to_bytes(size, "big")) == code


@pytest.mark.parametrize("length", [4, 6, 9, 10])
def test_every_digit_is_equally_frequent_at_every_position(length):
    # Chi-squared(9) > 33.7: P = 0.0001 for even digits, 0.99 for one half as frequent.
    seeded = random.Random(length)  # noqa: S311 - the same sample in every run
    sample = [codes.generate(length, seeded.randbytes) for _ in range(2_000)]

    for position in zip(*sample, strict=True):
        counts = Counter(position)
        expected = len(sample) / 10
        distances = ((counts[digit] - expected) ** 2 for digit in "0123456789")
        assert sum(distances) / expected < 33.7


def test_every_code_uses_new_random_bytes():
    sizes = []

    def random_bytes(size):
        sizes.append(size)
        return secrets.token_bytes(size)

    codes.generate(6, random_bytes)
    codes.generate(6, random_bytes)

    assert sizes == [20, 20]


@pytest.mark.parametrize(
    "text",
    [
        "123456",
        "123 456",
        "123-456",
        " 1 2 3–4 5 6 ",
        "١٢٣٤٥٦",
        "۱۲۳۴۵۶",
        "१२३456",
        "\uff11\uff12\uff13\uff14\uff15\uff16",
        "\u200e123\u200b456\u200f",
        "\u2066123456\u2069",
        "\ufeff123\u00ad456",
        "\t123\t456\r\n",
        "123\u2028456",
    ],
)
def test_spellings_of_a_code_are_parsed_to_the_same_value(text):
    assert codes.parse(text) == codes.parse_custom(text) == "123456"


def test_custom_code_keeps_its_letters_and_has_ascii_digits():
    assert codes.parse_custom("\u202aAb-\u0661\u0662\u202c") == "Ab12"


@pytest.mark.parametrize(
    "text", ["\uff21bcd", "аbcd", "abc²", "abcd\x00", "ab\u0301cd"]
)
def test_custom_code_with_other_characters_is_rejected(text):
    with pytest.raises(InvalidCode):
        codes.parse_custom(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "123",
        "12345678901",
        "12345a",
        "²²²²",
        "①②③④",
        "1234\x00",
        "12\x1b34",
        "1234\ufe0f",
        "1234\ud800",
        "+1234",
        "1.234",
    ],
)
def test_invalid_code_is_rejected(text):
    with pytest.raises(InvalidCode):
        codes.parse(text)


@given(text=st.text())
def test_any_text_is_parsed_or_rejected(text):
    try:
        code = codes.parse(text)
    except InvalidCode:
        return
    assert code.isascii()
    assert code.isdigit()
