from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otp_engine.domain.limits.limits import Limit, Window

windows = st.builds(
    Window,
    st.integers(1, 1_000_000),
    st.integers(1, 31 * 86_400).map(lambda seconds: timedelta(seconds=seconds)),
    st.booleans(),
)


def test_limit_has_windows_of_count_and_period():
    assert Limit.parse("5/10m, 10/24h").windows == (
        Window(5, timedelta(minutes=10)),
        Window(10, timedelta(hours=24)),
    )


@pytest.mark.parametrize("text", ["5/10m shadow", " 5/10m  SHADOW "])
def test_window_in_shadow_mode_is_parsed(text):
    limit = Limit.parse(text)

    assert limit == Limit((Window(5, timedelta(minutes=10), shadow=True),))
    assert str(limit) == "5/10m shadow"


def test_limit_separates_enforced_and_shadow_windows():
    limit = Limit.parse("20/10m, 3/10m shadow, 100/24h")

    assert str(limit.enforced) == "20/10m, 100/1d"
    assert str(limit.shadow) == "3/10m shadow"


@pytest.mark.parametrize("text", ["off", " OFF "])
def test_off_is_a_limit_without_windows(text):
    assert not Limit.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "5", "5/", "/10m", "0/10m", "-1/10m", "5/0s", "5/32d", "5/10m,", "x/1m"),
        *("1000001/1h", "5/10m 10/24h", "٥/10m"),
        *("off shadow", "shadow", "5/10m shadow shadow", "5/10mshadow"),
    ],
)
def test_malformed_limit_is_rejected(text):
    with pytest.raises(ValueError, match="must"):
        Limit.parse(text)


@pytest.mark.parametrize(
    "text", ["5", "5/", "5/10", "5/10m/2", "5/10m; 6/1h", "x/1m", f"{'9' * 5000}/1m"]
)
def test_error_of_a_malformed_limit_shows_the_form_and_the_text(text):
    with pytest.raises(ValueError, match=r"^must be like 5/10m, or off: ") as error:
        Limit.parse(text)

    assert str(error.value).endswith(repr(text))


@given(limit_windows=st.lists(windows, max_size=4).map(tuple))
def test_formatted_limit_is_parsed_to_the_same_value(limit_windows):
    limit = Limit(limit_windows)

    assert Limit.parse(str(limit)) == limit


def test_times_multiplies_each_count():
    assert str(Limit.parse("5/10m, 1/1h shadow").times(4)) == "20/10m, 4/1h shadow"
