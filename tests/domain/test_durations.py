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
def test_a_duration_is_a_number_and_a_unit(text, seconds):
    assert durations.parse(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "10", "m", "10 m", "-1s", "1.5h", "10M", "١٠m"])
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError, match="number and a unit"):
        durations.parse(text)


@given(seconds=st.integers(0, 10_000_000))
def test_what_is_written_reads_the_same(seconds):
    duration = timedelta(seconds=seconds)

    assert durations.parse(durations.format_duration(duration)) == duration
