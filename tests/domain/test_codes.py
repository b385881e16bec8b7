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
def test_a_code_is_so_many_ascii_digits(length, secret):
    code = codes.make(length, lambda _: secret)

    assert len(code) == length
    assert set(code) <= set("0123456789")


@pytest.mark.parametrize(("seed", "code"), [(446_172, "000000"), (8_678, "999999")])
def test_both_ends_of_the_code_space_occur(seed, code):
    assert codes.make(6, lambda size: seed.to_bytes(size, "big")) == code


@pytest.mark.parametrize("length", [4, 6, 9, 10])
def test_every_place_takes_every_digit_equally_often(length):
    """Chi-squared with 9 degrees of freedom; above 33.7 once in 10,000 trials."""
    seeded = random.Random(length)  # noqa: S311 - the same sample in every run
    drawn = [codes.make(length, seeded.randbytes) for _ in range(20_000)]

    for place in zip(*drawn, strict=True):
        counted = Counter(place)
        expected = len(drawn) / 10
        distances = ((counted[digit] - expected) ** 2 for digit in "0123456789")
        assert sum(distances) / expected < 33.7


def test_every_code_has_a_fresh_secret():
    asked = []

    def entropy(size):
        asked.append(size)
        return secrets.token_bytes(size)

    codes.make(6, entropy)
    codes.make(6, entropy)

    assert asked == [20, 20]


@pytest.mark.parametrize("typed", ["123456", "123 456", "123-456", " 1 2 3–4 5 6 "])
def test_spaces_and_dashes_inside_a_code_are_ignored(typed):
    assert codes.read(typed) == "123456"


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "123",
        "12345678901",
        "12345a",
        "١٢٣٤٥٦",
        "²²²²",
        "１２３４",
        "1234\n",
        "1234\x00",
        "12\u200b34",
        "1234\ud800",
        "+1234",
        "1.234",
    ],
)
def test_what_cannot_be_a_code_is_refused(typed):
    with pytest.raises(InvalidCode):
        codes.read(typed)


@given(typed=st.text())
def test_any_text_is_a_code_or_refused(typed):
    try:
        code = codes.read(typed)
    except InvalidCode:
        return
    assert code.isascii()
    assert code.isdigit()
