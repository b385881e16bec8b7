from __future__ import annotations

import pytest
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


@given(st.text("+0123456789", max_size=16), st.binary(min_size=16, max_size=16))
def test_what_is_sealed_can_be_read_by_a_holder_of_the_pepper(number, verification):
    sealed = PEPPER.seal(number, verification=verification)

    assert PEPPER.unseal(sealed, verification=verification) == number


def test_a_number_is_sealed_differently_in_each_verification():
    sealed = {
        PEPPER.seal("+919445012345", verification=bytes([n] * 16)) for n in (1, 2)
    }

    assert len(sealed) == 2
    assert not any(b"9445" in each for each in sealed)


def test_another_pepper_does_not_read_what_is_sealed():
    sealed = PEPPER.seal("+919445012345", verification=b"v" * 16)

    with pytest.raises(ValueError, match="decode"):
        Pepper(b"q" * 32).unseal(sealed, verification=b"v" * 16)
