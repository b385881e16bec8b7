"""How values of the policy are written, and what they mean."""

from __future__ import annotations

import re

import pytest

from otp_engine.domain.policy.policy import PARSERS
from otp_engine.operations.value_forms import hint
from otp_engine.operations.value_meanings import MEANINGS


@pytest.mark.parametrize("name", PARSERS)
def test_hint_is_one_line(name):
    assert hint(name)
    assert "\n" not in hint(name)


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("ttl", "a number and a unit"),
        ("routes", "a destination and its steps, and others, or off"),
        ("guard", "on, shadow or off"),
        ("guard_block", "a number, and others by country"),
    ],
)
def test_hint_is_that_of_the_form(name, start):
    assert hint(name).startswith(start)


@pytest.mark.parametrize(
    "name",
    [
        *("routes", "guard", "guard_block", "guard_exempt", "budget", "sending"),
        *("allowed_countries", "blocked_networks", "sends_per_country"),
    ],
)
def test_quoted_example_of_a_hint_is_valid(name):
    example = re.search('"([^"]+)"', hint(name))

    assert example
    assert PARSERS[name](example[1])


def test_each_value_has_a_meaning():
    assert MEANINGS.keys() == PARSERS.keys()
