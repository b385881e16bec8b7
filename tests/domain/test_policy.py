from __future__ import annotations

from dataclasses import fields
from datetime import timedelta

import pytest

from otp_engine.domain.limits import Limit
from otp_engine.domain.policy import READERS, Policy


def test_every_value_can_be_read_from_text():
    assert set(READERS) == {field.name for field in fields(Policy)}


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
    ],
)
def test_a_value_that_would_break_a_promise_is_refused(name, text):
    with pytest.raises(ValueError, match=r"must|cannot"):
        READERS[name](text)


def test_a_budget_of_wrong_guesses_can_be_tuned():
    read = READERS["failed_checks_per_phone"]

    assert read("20/1h, 50/24h") == Limit.parse("20/1h, 50/24h")


def test_a_code_that_outlives_the_nist_ten_minutes_is_warned_of():
    assert Policy(ttl=timedelta(minutes=11)).warnings()


def test_a_limit_in_shadow_is_warned_of():
    policy = Policy(sends_per_ip=Limit.parse("5/10m shadow"))

    assert policy.warnings() == ["sends_per_ip 5/10m is in shadow, and refuses nobody"]


def test_the_defaults_need_no_warning():
    assert Policy().warnings() == []
