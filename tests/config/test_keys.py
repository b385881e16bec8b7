"""API keys as they are made."""

from __future__ import annotations

import re

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


@pytest.mark.parametrize(("secret", "short"), [("x" * 15, True), ("x" * 16, False)])
def test_a_secret_that_somebody_made_up_can_be_too_short(secret, short):
    assert keys.read("shop", secret).short is short
