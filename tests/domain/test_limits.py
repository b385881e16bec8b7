from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otp_engine.domain.limits import Limit, Window

windows = st.builds(
    Window,
    st.integers(1, 1_000_000),
    st.integers(1, 31 * 86_400).map(lambda seconds: timedelta(seconds=seconds)),
    st.booleans(),
)


def test_a_limit_is_counts_over_periods():
    assert Limit.parse("5/10m, 10/24h").windows == (
        Window(5, timedelta(minutes=10)),
        Window(10, timedelta(hours=24)),
    )


@pytest.mark.parametrize("text", ["5/10m shadow", " 5/10m  SHADOW "])
def test_a_window_in_shadow_says_so_behind_it(text):
    limit = Limit.parse(text)

    assert limit == Limit((Window(5, timedelta(minutes=10), shadow=True),))
    assert str(limit) == "5/10m shadow"


def test_some_windows_can_refuse_while_others_stand_in_shadow():
    limit = Limit.parse("20/10m, 3/10m shadow, 100/24h")

    assert str(limit.enforced) == "20/10m, 100/1d"
    assert str(limit.shadow) == "3/10m shadow"


@pytest.mark.parametrize("text", ["off", " OFF "])
def test_off_is_no_limit(text):
    assert not Limit.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "5", "5/", "/10m", "0/10m", "-1/10m", "5/0s", "5/32d", "5/10m,", "x/1m"),
        *("1000001/1h", "5/10m 10/24h", "٥/10m"),
        *("off shadow", "shadow", "5/10m shadow shadow", "5/10mshadow"),
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError, match="must"):
        Limit.parse(text)


@given(parts=st.lists(windows, max_size=4).map(tuple))
def test_what_is_written_reads_the_same(parts):
    limit = Limit(parts)

    assert Limit.parse(str(limit)) == limit
