"""The end of a change of the policy, as operators write it."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, time, timedelta
from typing import TypeAlias

from otp_engine.domain.limits import durations

MAX_DURATION = timedelta(days=366)
"""The longest time until a change ends."""

Until: TypeAlias = timedelta | time | datetime
"""A duration from now, the next such time of day, or a time."""

_MIN_DURATION = timedelta(seconds=1)
_DAY = timedelta(days=1)


def parse_duration(text: str) -> timedelta:
    """Parse the time until a change ends, such as `2h`.

    Raises:
        ValueError: The text is no duration, or one that is too short or too long.
    """
    duration = durations.parse(text)
    if not _MIN_DURATION <= duration <= MAX_DURATION:
        raise ValueError(f"must be from 1s to {MAX_DURATION.days}d: {text!r}")
    return duration


def parse_time(text: str) -> time | datetime:
    """Parse a time of day, or a time in ISO 8601; without an offset it is in UTC.

    Raises:
        ValueError: The text is no time.
    """
    for parse in (time.fromisoformat, datetime.fromisoformat):
        with suppress(ValueError):
            end: time | datetime = parse(text.strip())
            return end if end.tzinfo else end.replace(tzinfo=UTC)
    raise ValueError(f"must be a time, such as 14:00 or 2026-11-22T22:30: {text!r}")


def resolve(until: Until, now: datetime) -> datetime:
    """Return the time at which a change ends.

    Args:
        until: When it ends.
        now: The time of Redis.

    Raises:
        ValueError: The time has passed, or is too far away.
    """
    at = _resolve(until, now)
    if not now < at <= now + MAX_DURATION:
        raise ValueError(
            f"must be after now, and {MAX_DURATION.days} days later at most: now is"
            f" {now.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"
        )
    return at.astimezone(now.tzinfo)


def _resolve(until: Until, now: datetime) -> datetime:
    if isinstance(until, timedelta):
        return now + until
    if isinstance(until, datetime):
        return until
    at = datetime.combine(now.astimezone(until.tzinfo), until)
    return at if at > now else at + _DAY
