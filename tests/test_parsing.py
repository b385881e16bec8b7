from __future__ import annotations

import pytest

from otp_engine import parsing


@pytest.mark.parametrize(("text", "value"), [("on", True), ("OFF", False)])
def test_boolean_ignores_case(text, value):
    assert parsing.boolean(("on",), ("off",))(text) is value


@pytest.mark.parametrize("text", ["", " on", "yes", "1"])
def test_boolean_rejects_other_words(text):
    with pytest.raises(ValueError, match="must be on or off"):
        parsing.boolean(("on",), ("off",))(text)


@pytest.mark.parametrize("text", ["4", "010", "10"])
def test_integer_accepts_both_bounds(text):
    assert parsing.integer(4, 10)(text) == int(text)


@pytest.mark.parametrize("text", ["", "3", "11", "-5", "5 ", "5.0", "٦", "9" * 5000])
def test_integer_rejects_other_text(text):
    with pytest.raises(ValueError, match="must be a whole number from 4 to 10"):
        parsing.integer(4, 10)(text)


def test_choice_names_the_options():
    with pytest.raises(ValueError, match="must be one of a, b: 'c'"):
        parsing.choice(["a", "b"])("c")


@pytest.mark.parametrize("text", ["en", "pt-BR", "pt_BR", "zh-Hant-TW-x-y"])
def test_language_tag_is_returned_unchanged(text):
    assert parsing.language_tag(text) == text


@pytest.mark.parametrize("text", ["", "e", "en-", "en US", "en" + "-a" * 17])
def test_malformed_language_tag_is_rejected(text):
    with pytest.raises(ValueError, match="must be a language tag"):
        parsing.language_tag(text)


@pytest.mark.parametrize(
    "text", ["VE" + "0" * 31, "VA" + "0" * 32, "VE" + "g" * 32, "VE" + "\u0660" * 32]
)
def test_malformed_sid_is_rejected(text):
    assert not parsing.is_sid(text, "VE")


def test_sid_with_prefix_is_accepted():
    assert parsing.is_sid("VE" + "0aF1" * 8, "VE")
