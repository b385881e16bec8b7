from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otp_engine.domain.pepper import Pepper
from otp_engine.domain.record import encrypt_number

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


@given(st.binary(min_size=1, max_size=32), st.binary(max_size=24))
def test_encrypted_data_is_decrypted_in_its_context(data, context):
    encrypted = PEPPER.encrypt(data, context=context)

    assert PEPPER.decrypt(encrypted, context=context) == data


def test_the_same_number_is_encrypted_differently_in_each_verification():
    encrypted = {
        encrypt_number("+919445012345", PEPPER, verification=bytes([n] * 16))
        for n in (1, 2)
    }

    assert len(encrypted) == 2
    assert not any(b"9445" in each for each in encrypted)


@pytest.mark.parametrize("bit", range(8))
def test_a_changed_ciphertext_is_refused(bit):
    encrypted = bytearray(PEPPER.encrypt(b"+919445012345", context=b"here"))
    encrypted[20] ^= 1 << bit

    with pytest.raises(ValueError, match="cannot be decrypted"):
        PEPPER.decrypt(bytes(encrypted), context=b"here")


@pytest.mark.parametrize(
    ("pepper", "context"), [(Pepper(b"q" * 32), b"here"), (PEPPER, b"there")]
)
def test_another_pepper_or_context_decrypts_nothing(pepper, context):
    encrypted = PEPPER.encrypt(b"+919445012345", context=b"here")

    with pytest.raises(ValueError, match="cannot be decrypted"):
        pepper.decrypt(encrypted, context=context)
