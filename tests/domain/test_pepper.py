from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from otp_engine.domain.pepper import Pepper

PEPPER = Pepper(b"p" * 32)


def test_a_digest_needs_the_pepper():
    other = Pepper(b"q" * 32)

    assert PEPPER.digest("phone", "x") != other.digest("phone", "x")


def test_a_phone_is_never_named_like_an_address():
    assert PEPPER.digest("phone", "x") != PEPPER.digest("address", "x")


@given(st.tuples(st.text("0123456789"), st.text("0123456789")))
def test_digits_cannot_move_from_the_number_into_the_code(pair):
    number, code = pair
    moved = PEPPER.bind(code[1:], verification=b"v" * 16, number=number + code[:1])

    bound = PEPPER.bind(code, verification=b"v" * 16, number=number)

    assert (bound == moved) == (code == "")


def test_a_code_of_one_verification_is_worth_nothing_in_another():
    one = PEPPER.bind("123456", verification=b"1" * 16, number="+919445012345")
    two = PEPPER.bind("123456", verification=b"2" * 16, number="+919445012345")

    assert one != two


def test_the_pepper_is_never_shown():
    assert "pppp" not in repr(PEPPER)
