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


@pytest.mark.parametrize(
    "zero", ["\u0660", "\u06f0", "\u0966", "\u0e50", "\uff10", "𝟎"]
)
def test_digits_of_every_script_become_ascii(zero):
    text = "".join(chr(ord(zero) + digit) for digit in range(10))

    assert parsing.normalize_typed(text) == "0123456789"


@pytest.mark.parametrize("text", ["²", "①", "Ⅷ", "½", "\x00", "\x1f", "\ufe0f", "a.+"])
def test_other_characters_of_typed_text_stay(text):
    assert parsing.normalize_typed(text) == text


@pytest.mark.parametrize(
    "ignored",
    [*" \u00a0\u3000-\u2013\uff0d", *"\t\n\v\f\r\x85\u2028\u2029"]
    + [*"\u00ad\u061c\u200b\u200d\u200e\u200f\u2060\ufeff"]
    + [chr(mark) for mark in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))],
)
def test_separators_and_format_characters_of_typed_text_disappear(ignored):
    assert parsing.normalize_typed(f"{ignored}1{ignored}2{ignored}") == "12"
