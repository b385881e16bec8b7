from __future__ import annotations

import pytest

from otp_engine.config.policy_warnings import collect_warnings
from otp_engine.domain.policy.policy import PARSERS, Policy


def policy(**texts):
    return Policy(**{name: PARSERS[name](text) for name, text in texts.items()})


@pytest.mark.parametrize(
    ("values", "phrase"),
    [
        ({"guard": "off"}, "guard is off: only the limits"),
        ({"guard_block": "26"}, "guard_block 26 is over 25"),
        ({"guard_block": "1000"}, "guard_block 1000 is over 25"),
        (
            {"guard_block": "2", "guard_strict": "2"},
            "guard_block 2 is under 3: few recipients",
        ),
        ({"guard_strict": "11"}, "guard_strict 11 is over guard_block 10, and has no"),
        ({"guard_conversion": "0.2"}, "guard_conversion 0.2 is under 0.25"),
        ({"guard_wide": "1001"}, "guard_wide 1001 is over 1000"),
        (
            {"guard_pressure": "1001", "guard_wide": "off"},
            "guard_pressure 1001 is over 1000",
        ),
        (
            {"guard_pressure": "off", "guard_wide": "off"},
            "guard_pressure and guard_wide are off",
        ),
        ({"guard_wide": "9"}, "guard_wide 9 is under guard_pressure 10"),
        ({"vouched_per_key": "off"}, "vouched_per_key enforces no limit"),
        ({"guard_block": "10, SN=30"}, "for SN, guard_block 30 is over 25"),
        ({"guard": "on, IN=off"}, "for IN, guard is off"),
    ],
)
def test_weak_value_of_the_guard_is_warned_of(values, phrase):
    (warning,) = collect_warnings(policy(**values))

    assert warning.startswith(phrase)


@pytest.mark.parametrize(
    "values",
    [
        {"guard": "on"},
        {"guard_wide": "40, IN=off"},
        {"guard_block": "25"},
        {"guard_conversion": "0.25"},
        {"guard": "off, SN=on", "guard_exempt": "IN"},
    ],
)
def test_warning_of_the_default_is_not_repeated_for_a_country(values):
    warnings = collect_warnings(policy(**values))

    assert [text for text in warnings if text.startswith("for ")] == []


def test_country_has_a_warning_that_the_default_does_not_have():
    warnings = collect_warnings(policy(guard_block="30, SN=40, ID=30"))

    assert [text.partition(" is")[0] for text in warnings] == [
        "guard_block 30",
        "for SN, guard_block 40",
    ]
