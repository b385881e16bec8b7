from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.verification_records import encrypt_address

PEPPER = Pepper(b"p" * 32)


def test_pseudonym_differs_under_another_pepper():
    other = Pepper(b"q" * 32)

    assert PEPPER.pseudonymize("phone", "x") != other.pseudonymize("phone", "x")


def test_pseudonym_differs_for_another_kind():
    assert PEPPER.pseudonymize("phone", "x") != PEPPER.pseudonymize("address", "x")


@given(st.tuples(st.text("0123456789"), st.text("0123456789")))
def test_code_mac_differs_when_a_digit_moves_from_code_to_number(pair):
    number, code = pair

    mac = PEPPER.code_mac(code, verification_id=b"v" * 16, number=number)
    moved = PEPPER.code_mac(
        code[1:], verification_id=b"v" * 16, number=number + code[:1]
    )

    assert (mac == moved) == (code == "")


def test_code_mac_differs_for_another_verification():
    first = PEPPER.code_mac("123456", verification_id=b"1" * 16, number="+919445012345")
    second = PEPPER.code_mac(
        "123456", verification_id=b"2" * 16, number="+919445012345"
    )

    assert first != second


def test_repr_hides_the_secret():
    assert "pppp" not in repr(PEPPER)


@given(st.binary(min_size=1, max_size=32), st.binary(max_size=24))
def test_encrypted_data_is_decrypted_in_its_context(data, context):
    encrypted = PEPPER.encrypt(data, context=context)

    assert PEPPER.decrypt(encrypted, context=context) == data


def test_encrypted_number_differs_in_another_verification():
    ciphertexts = {
        encrypt_address("+919445012345", PEPPER, verification_id=bytes([n] * 16))
        for n in (1, 2)
    }

    assert len(ciphertexts) == 2
    assert not any(b"9445" in ciphertext for ciphertext in ciphertexts)


@pytest.mark.parametrize("bit", range(8))
def test_changed_ciphertext_raises_value_error(bit):
    encrypted = bytearray(PEPPER.encrypt(b"+919445012345", context=b"first"))
    encrypted[20] ^= 1 << bit

    with pytest.raises(ValueError, match="cannot be decrypted"):
        PEPPER.decrypt(bytes(encrypted), context=b"first")


@pytest.mark.parametrize(
    ("pepper", "context"), [(Pepper(b"q" * 32), b"first"), (PEPPER, b"second")]
)
def test_another_pepper_or_context_raises_value_error(pepper, context):
    encrypted = PEPPER.encrypt(b"+919445012345", context=b"first")

    with pytest.raises(ValueError, match="cannot be decrypted"):
        pepper.decrypt(encrypted, context=context)


def test_pepper_is_equal_after_pickling():
    pepper = Pepper(b"p" * 32)

    copy = pickle.loads(pickle.dumps(pepper))  # noqa: S301 - a value of this test

    assert copy == pepper
    assert copy.decrypt(pepper.encrypt(b"+91", context=b"id"), context=b"id") == b"+91"
