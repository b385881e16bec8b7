from __future__ import annotations

from dataclasses import fields

import pytest

from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.policy.policy import PARSERS, Policy


def test_every_value_has_a_parser():
    assert set(PARSERS) == {field.name for field in fields(Policy)}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("code_length", "3"),
        ("code_length", "11"),
        ("code_length", "six"),
        ("code_length", "٦"),
        ("ttl", "29s"),
        ("ttl", "25h"),
        ("max_checks", "0"),
        ("max_checks", "101"),
        ("max_sends", "0"),
        ("failed_checks_per_phone", "off"),
        ("failed_checks_per_phone", "10/1h shadow"),
        ("failed_checks_per_factor", "off"),
        ("failed_checks_per_factor", "10/1h shadow"),
    ],
)
def test_unsafe_or_malformed_value_is_rejected(name, text):
    with pytest.raises(ValueError, match=r"must|cannot"):
        PARSERS[name](text)


def test_failed_checks_per_phone_accepts_several_windows():
    parse = PARSERS["failed_checks_per_phone"]

    assert parse("20/1h, 50/24h") == Limit.parse("20/1h, 50/24h")
