from __future__ import annotations

import pytest

from otp_engine.domain.phones import numbers
from otp_engine.domain.phones.destination_sets import DestinationSet
from otp_engine.domain.policy.policy import PARSERS, Policy, format_value
from otp_engine.domain.pumping_guard.rules import GuardMode, GuardRules


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("guard", "on"),
        ("guard", "on, IN=shadow, SN=off"),
        ("guard_block", "10"),
        ("guard_block", "10, ID=20"),
        ("guard_strict", "3"),
        ("guard_pressure", "off, SN=5"),
        ("guard_wide", "40, IN=off"),
        ("guard_conversion", "0.4, SN=0.25"),
        ("guard_exempt", "off"),
        ("guard_exempt", "IN, SN, +22177, +44"),
        ("vouched_per_key", "100/1d; shop=1000/1d"),
    ],
)
def test_value_is_formatted_as_it_is_written(name, text):
    assert format_value(PARSERS[name](text)) == text


@pytest.mark.parametrize(
    ("name", "text", "phrase"),
    [
        ("guard", "maybe", "on, shadow or off"),
        ("guard", "on, IN=maybe", "on, shadow or off"),
        ("guard", "on, XX=off", "ISO 3166"),
        ("guard_block", "0", "from 1 to 10000"),
        ("guard_block", "10001", "from 1 to 10000"),
        ("guard_block", "off", "from 1 to 10000"),
        ("guard_strict", "off", "from 1 to 10000"),
        ("guard_wide", "0", "from 1 to 1000000"),
        ("guard_conversion", "0.14", "share from 0.15 to 0.6"),
        ("guard_conversion", "0.61", "share from 0.15 to 0.6"),
        ("guard_conversion", "40", "share from 0.15 to 0.6"),
        ("guard_conversion", "nan", "share from 0.15 to 0.6"),
        ("guard_conversion", "1e-1", "share from 0.15 to 0.6"),
        ("guard_exempt", "", "countries and prefixes"),
        ("guard_exempt", "IN,IN", "once"),
        ("guard_exempt", "+22177, +22177", "once"),
        ("guard_exempt", "22177", "must have prefixes such as"),
        ("guard_exempt", "+22177x", "prefixes such as"),
        ("guard_exempt", "+221779991234", "hide at least 4"),
        ("guard_exempt", "IN, off", "ISO 3166"),
    ],
)
def test_malformed_value_is_rejected(name, text, phrase):
    with pytest.raises(ValueError, match=phrase):
        PARSERS[name](text)


def test_rules_have_the_defaults_of_the_policy():
    assert Policy().guard_rules("IN") == GuardRules(mode=GuardMode.SHADOW)


def test_rules_have_the_exceptions_of_their_country():
    policy = Policy(
        guard=PARSERS["guard"]("on, IN=off"),
        guard_block=PARSERS["guard_block"]("8, SN=5"),
        guard_strict=PARSERS["guard_strict"]("2, SN=1"),
        guard_pressure=PARSERS["guard_pressure"]("off, SN=7"),
        guard_wide=PARSERS["guard_wide"]("50, SN=off"),
        guard_conversion=PARSERS["guard_conversion"]("0.5, SN=0.3"),
    )

    assert policy.guard_rules("SN") == GuardRules(
        mode=GuardMode.ON, block=5, strict=1, pressure=7, wide=None, conversion=0.3
    )
    assert policy.guard_rules("GB") == GuardRules(
        mode=GuardMode.ON, block=8, strict=2, pressure=None, wide=50, conversion=0.5
    )
    assert policy.guard_rules("IN").mode is GuardMode.OFF


def test_rules_of_a_country_are_built_once():
    assert Policy().guard_rules("IN") is Policy().guard_rules("IN")


@pytest.mark.parametrize(
    ("text", "includes"),
    [
        ("off", False),
        ("IN", True),
        ("SN", False),
        ("+91944", True),
        ("SN, +91, +44", True),
        ("+91945", False),
    ],
)
def test_set_includes_numbers_of_its_countries_and_prefixes(text, includes):
    number = numbers.parse("+919445012345", "IN")

    assert DestinationSet.parse(text).includes(number) is includes
