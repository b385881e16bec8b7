"""How values of the policy are written."""

from __future__ import annotations

import pytest

from otp_engine.domain.policy.policy import PARSERS
from otp_engine.operations.value_forms import hint


@pytest.mark.parametrize("name", PARSERS)
def test_hint_is_one_line(name):
    assert hint(name)
    assert "\n" not in hint(name)


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("ttl", "a number and a unit"),
        ("routes", "a destination and its steps"),
        ("guard", "on, shadow or off"),
        ("guard_block", "a number, and others by country"),
    ],
)
def test_hint_is_that_of_the_form(name, start):
    assert hint(name).startswith(start)
