from __future__ import annotations

import itertools
import secrets
from collections import Counter
from functools import partial

import pytest

from otp_engine.crypto.argon2 import PROFILES
from otp_engine.crypto.factor_keys import DataKey
from otp_engine.domain.factors import recovery_codes
from otp_engine.domain.factors.recovery_codes import RecoveryHashes
from otp_engine.errors import InvalidCode

CODE = "7k2pd9xw4m"
DATA_KEY = DataKey(b"d" * 32)
HASHES = RecoveryHashes(
    argon2=PROFILES["test"], salt=b"s" * 16, hashes=[b"a" * 32, b"\n" * 32]
)


def fixed(value: bytes, _size: int) -> bytes:
    return value


def test_factor_gets_ten_different_codes():
    codes = recovery_codes.generate(secrets.token_bytes)

    assert len(set(codes)) == 10


def test_generated_codes_are_read_as_they_are_shown():
    codes = recovery_codes.generate(secrets.token_bytes)

    shown = [recovery_codes.format_code(code) for code in codes]

    assert [recovery_codes.parse(text) for text in shown] == codes


def test_generated_code_uses_fifty_of_its_random_bits():
    codes = []
    for bit in range(6, 56):
        value = (1 << bit).to_bytes(7)
        codes += recovery_codes.generate(partial(fixed, value))[:1]

    assert len(set(codes)) == 50
    assert "0000000000" not in codes


def test_every_letter_of_the_alphabet_is_generated():
    counter = itertools.count()

    def random_bytes(size):
        return (next(counter) << 6).to_bytes(size)

    codes = [recovery_codes.generate(random_bytes) for _ in range(4)]

    letters = Counter(code[0] for each in codes for code in each)
    assert set("0123456789abcdefghjkmnpqrstvwxyz") == set(letters)


def test_code_is_shown_in_two_groups():
    assert recovery_codes.format_code(CODE) == "7k2pd-9xw4m"


@pytest.mark.parametrize(
    "typed",
    [
        "7k2pd-9xw4m",
        "7K2PD-9XW4M",
        " 7k2pd 9xw4m\n",
        "7k2p d9xw4m",
        "7k2pd—9xw4m",
        "7k2pd\u200b9xw4m",
        "7-k-2-p-d-9-x-w-4-m",
        "٧k٢pd9xw٤m",
    ],
)
def test_code_is_read_as_people_type_it(typed):
    assert recovery_codes.parse(typed) == CODE


@pytest.mark.parametrize(
    ("typed", "code"),
    [("oiluo-ILUzz", "011v011vzz"), ("OOIIL-LUU00", "00111" + "1vv00")],
)
def test_look_alike_letters_are_read_as_those_of_the_alphabet(typed, code):
    assert recovery_codes.parse(typed) == code


@pytest.mark.parametrize(
    "typed",
    ["7k2pd9xw4", "7k2pd9xw4mm", "482913", "7k2pd_9xw4m", "7k2pd9xw4é", "²k2pd9xw4m"],
)
def test_other_text_is_rejected(typed):
    with pytest.raises(InvalidCode) as raised:
        recovery_codes.parse(typed)

    assert typed not in raised.value.message


def test_stored_form_is_read_back():
    stored = HASHES.encode()

    assert stored == b"m=8,t=1,p=1 " + b"73" * 16 + b"\n" + b"a" * 32 + b"\n" * 32
    assert RecoveryHashes.decode(stored) == HASHES


def test_stored_form_without_hashes_is_read():
    stored = HASHES.encode()[:-64]

    assert RecoveryHashes.decode(stored).hashes == []


def test_equal_hash_is_found():
    assert HASHES.find(b"\n" * 32) == b"\n" * 32


def test_other_hash_is_not_found():
    assert HASHES.find(b"b" * 32) is None


def test_repr_has_no_hash():
    assert "aaa" not in repr(HASHES)
