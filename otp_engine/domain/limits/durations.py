"""Durations as operators write them: `30s`, `10m`, `24h`, `7d`."""

from __future__ import annotations

import re
from datetime import timedelta

# From large to small.
_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_DURATION = re.compile(r"([0-9]{1,9})([smhd])", re.ASCII)


def parse(text: str) -> timedelta:
    """Parse a whole number and a unit: `s`, `m`, `h` or `d`.

    Raises:
        ValueError: The text is not a duration. The message follows the name of a
            setting.
    """
    if not (match := _DURATION.fullmatch(text.strip())):
        raise ValueError(f"must be a number and a unit, such as 30s or 10m: {text!r}")
    return timedelta(seconds=int(match[1]) * _UNITS[match[2]])


def format_duration(duration: timedelta) -> str:
    """Return *duration* as a whole number of the largest possible unit."""
    seconds = round(duration.total_seconds())
    unit, size = next(
        (unit, size) for unit, size in _UNITS.items() if seconds % size == 0
    )
    return f"{seconds // size}{unit}" if seconds else "0s"
