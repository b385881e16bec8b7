"""The table of clocks in docs/authenticators.md."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pyotp
import pytest

from otp_engine.domain.factors import totp
from otp_engine.domain.factors.models import TotpConfig

GUIDE = (Path(__file__).parents[3] / "docs" / "authenticators.md").read_text()
ROWS = [
    (clock, cells.split(" | "))
    for clock, cells in re.findall(
        r"^\| ([^|]*seconds[^|]*) \| (.*) \|$", GUIDE, re.MULTILINE
    )
]
SECONDS = {
    "0 seconds": [0],
    "less than 30 seconds": range(1, 30),
    "30 seconds": [30],
    "between 30 and 60 seconds": range(31, 60),
    "60 seconds": [60],
    "between 60 and 90 seconds": range(61, 90),
    "90 seconds or more": range(90, 121),
}
START = 1_800_000_000 // 30 * 30
SECRET = b"12345678901234567890"


def is_accepted(at, off, skew):
    code = pyotp.TOTP(totp.encode_secret(SECRET)).at(at + off)
    now, config = datetime.fromtimestamp(at, UTC), TotpConfig(skew=skew)
    return totp.find_time(code, SECRET, config, at=now, after=0) is not None


def outcome(seconds, skew):
    """Return how a phone's clock that is off by *seconds* does over one step."""
    found = {
        is_accepted(START + second, sign * off, skew)
        for off in seconds
        for sign in (1, -1)
        for second in (0, 15, 29)
    }
    if len(found) == 2:
        return "part of the time"
    return "accepted" if found == {True} else "rejected"


def test_table_has_every_clock():
    assert [clock for clock, _ in ROWS] == list(SECONDS)


@pytest.mark.parametrize(("clock", "cells"), ROWS)
def test_clock_is_accepted_as_the_table_shows(clock, cells):
    assert [outcome(SECONDS[clock], skew) for skew in range(3)] == cells
