from __future__ import annotations

import pytest

from otp_engine import parsing
from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.policy.by_country import ByCountry

number = parsing.integer(1, 100)


def test_value_without_exceptions_applies_to_every_country():
    value = ByCountry.parse("40", number)

    assert value.for_country("IN") == value.for_country("SN") == 40


def test_exception_applies_to_its_country_only():
    value = ByCountry.parse("40, ID=80, 001=1", number)

    assert value.for_country("ID") == 80
    assert value.for_country("001") == 1
    assert value.for_country("IN") == 40


def test_part_without_a_country_belongs_to_the_value_before_it():
    value = ByCountry.parse("60/10m, 100/24h, SN=5/10m, 20/24h", Limit.parse)

    assert value.default == Limit.parse("60/10m, 100/24h")
    assert value.for_country("SN") == Limit.parse("5/10m, 20/24h")


@pytest.mark.parametrize(
    ("text", "formatted"),
    [
        ("40", "40"),
        ("40,id=80,  IN = 3", "40, ID=80, IN=3"),
        ("40, SN=1, ID=2", "40, ID=2, SN=1"),
    ],
)
def test_formatted_value_is_sorted_and_parsed_to_the_same(text, formatted):
    value = ByCountry.parse(text, number)

    assert str(value) == formatted
    assert ByCountry.parse(formatted, number) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "off"), (0.4, "0.4"), (0.25, "0.25"), (3, "3")],
)
def test_values_are_formatted_as_operators_write_them(value, text):
    assert str(ByCountry(value)) == text


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("", "whole number"),
        ("IN=5", "start with the value of all other countries"),
        ("40, IN", "whole number"),
        ("40, 50", "whole number"),
        ("40, XX=5", "ISO 3166"),
        ("40, =5", "ISO 3166"),
        ("40, UK=5", "must be GB"),
        ("40, AX=5", "FI in place of AX"),
        ("40, IN=5, in=6", "one value for each country: 'IN'"),
        ("40, IN=", "whole number"),
        ("40, IN=500", "whole number"),
        ("40, IN=5=6", "whole number"),
    ],
)
def test_malformed_value_is_rejected(text, phrase):
    with pytest.raises(ValueError, match=phrase):
        ByCountry.parse(text, number)


def test_all_values_are_listed_with_the_default_first():
    assert ByCountry.parse("40, SN=1, ID=2", number).values == (40, 2, 1)
