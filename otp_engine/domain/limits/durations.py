"""Stretches of time, as operators write them: `30s`, `10m`, `24h`, `7d`."""

from __future__ import annotations

import re
from datetime import timedelta

_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_WRITTEN = re.compile(r"([0-9]{1,9})([smhd])", re.ASCII)


def parse(text: str) -> timedelta:
    """Read a whole number and a unit: `s`, `m`, `h` or `d`.

    Raises:
        ValueError: With a phrase that fits behind the name of a setting.
    """
    if not (match := _WRITTEN.fullmatch(text.strip())):
        raise ValueError(f"must be a number and a unit, such as 30s or 10m: {text!r}")
    return timedelta(seconds=int(match[1]) * _UNITS[match[2]])


def format_duration(duration: timedelta) -> str:
    """Write *duration* in the largest unit that leaves nothing over."""
    seconds = round(duration.total_seconds())
    unit, size = next(
        (unit, size) for unit, size in _UNITS.items() if seconds % size == 0
    )
    return f"{seconds // size}{unit}" if seconds else "0s"
