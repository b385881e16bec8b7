from __future__ import annotations

import pytest

from otp_engine.domain.money import amounts


@pytest.mark.parametrize(
    ("text", "micro_units"),
    [
        ("480", 480_000_000),
        ("0.0083", 8_300),
        ("480.50", 480_500_000),
        (".1", 100_000),
        ("0", 0),
        ("999999999", 999_999_999_000_000),
    ],
)
def test_amount_is_parsed_exactly(text, micro_units):
    assert amounts.parse(text) == micro_units


def test_part_of_a_micro_unit_is_rounded_up():
    assert amounts.parse("0.00000001") == 1


@pytest.mark.parametrize(
    "text",
    [
        *("", "-1", "+1", "1e3", "nan", "NaN", "inf", "1,5", "1 000", "1.", "0x1"),
        *("٤٨٠", "1000000000", "9" * 13, "1." + "0" * 21),
    ],
)
def test_text_that_is_no_amount_is_rejected(text):
    with pytest.raises(ValueError, match="must be"):
        amounts.parse(text)


@pytest.mark.parametrize(
    ("micro_units", "text"),
    [(480_000_000, "480"), (480_500_000, "480.50"), (8_300, "0.0083"), (1, "0.000001")],
)
def test_amount_is_formatted_with_two_decimals_at_least(micro_units, text):
    assert amounts.format_amount(micro_units) == text
    assert amounts.parse(text) == micro_units


def test_currency_is_parsed_in_any_case():
    assert amounts.parse_currency("usd") == "USD"


@pytest.mark.parametrize("text", ["", "US", "USDT", "US1", "€"])
def test_text_that_is_no_currency_is_rejected(text):
    with pytest.raises(ValueError, match="three letters"):
        amounts.parse_currency(text)
