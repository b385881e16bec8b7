from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otp_engine.domain.limits import durations


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0s", 0), ("30s", 30), ("10m", 600), ("24h", 86_400), (" 7d ", 604_800)],
)
def test_number_with_a_unit_is_parsed(text, seconds):
    assert durations.parse(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "10", "m", "10 m", "-1s", "1.5h", "10M", "١٠m"])
def test_other_text_is_rejected(text):
    with pytest.raises(ValueError, match="number and a unit"):
        durations.parse(text)


@given(seconds=st.integers(0, 10_000_000))
def test_formatted_duration_is_parsed_to_the_same_value(seconds):
    duration = timedelta(seconds=seconds)

    assert durations.parse(durations.format_duration(duration)) == duration
