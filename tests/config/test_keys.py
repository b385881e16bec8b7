"""API keys as they are made."""

from __future__ import annotations

import re
import secrets
import uuid

import pytest

from otp_engine.config import keys


def test_no_two_keys_are_alike_and_all_look_like_ours():
    made = {keys.new() for _ in range(100)}

    assert len(made) == 100
    assert all(re.fullmatch(r"otp_live_[A-Za-z0-9]{38}", key) for key in made)


def test_a_key_is_whole_as_it_was_made():
    assert keys.is_whole(keys.new())


@pytest.mark.parametrize("place", [0, 9, 20, 46])
def test_a_mistyped_key_is_not_whole(place):
    key = keys.new()
    other = "A" if key[place] != "A" else "B"

    assert not keys.is_whole(key[:place] + other + key[place + 1 :])


def test_a_cut_key_is_not_whole():
    key = keys.new()

    assert not any(keys.is_whole(key[:length]) for length in range(len(key)))


def test_the_line_holds_no_part_of_the_key():
    key = keys.new()

    assert key[9:] not in keys.line("shop", key)
    assert keys.read("shop", keys.line("shop", key).partition(":")[2]) == keys.read(
        "shop", key
    )


@pytest.mark.parametrize(
    ("secret", "bits"),
    [
        ("", 0),
        ("x" * 100, 0),
        ("abcdefg" * 20, 0),
        # 10 digits, 16, 36 and 62 characters.
        ("012345678998765432102468013579", 99.66),
        ("0123456789abcdeffedcba9876543210", 128),
        ("0123456789ABCDEFFEDCBA9876543210", 128),
        ("0123456789abcdeggedcba9876543210", 165.44),
        ("0123456789ABCDEGGEDCBA9876543210", 165.44),
        ("0123456789abcdeFFedcba9876543210", 190.53),
        # One more for each different other character.
        ("shop-secret-0123456789", 114.61),
        ("hunter2-hunter3", 78.14),
        # What is repeated counts once, with or without its end.
        ("hunter2-hunter2", 41.68),
        ("hunter2-" * 9, 41.68),
        ("changeme-changeme-changeme", 46.88),
        ("12345678" * 5, 26.58),
        ("0123456789abcdef" * 4, 64),
        # Equal ends are no repetition.
        ("0123456789abcdeffedcba9876543201", 128),
        ("01234567fedcba9889abcdef01234567", 128),
    ],
)
def test_the_bits_of_a_secret_are_its_length_times_those_of_its_alphabet(secret, bits):
    assert keys.bits(secret) == pytest.approx(bits, abs=0.01)


def test_every_key_that_is_made_here_is_strong_and_known_as_such():
    made = [keys.new() for _ in range(100)]

    assert not any(keys.read("shop", key).weak for key in made)


@pytest.mark.parametrize("make", [lambda: secrets.token_hex(16), uuid.uuid4])
def test_what_common_tools_make_of_16_bytes_is_strong(make):
    assert not any(keys.read("shop", str(make())).weak for _ in range(100))
