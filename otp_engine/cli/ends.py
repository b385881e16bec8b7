"""The end of a change, as operators write it."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from otp_engine.cli.terminal import fail, format_time
from otp_engine.domain.policy.reverts import End

_MAX_DURATION = timedelta(days=366)
_DAY = timedelta(days=1)


def resolve(
    until: timedelta | time | datetime | None, version: int, now: datetime
) -> End | None:
    """Return the end of a change; one that cannot be ends the process with 1.

    Args:
        until: A duration, the next such time of day, or a time; None for no end.
        version: The number of the version with the change.
        now: The time of Redis.
    """
    if until is None:
        return None
    at = _resolve(until, now)
    if not now < at <= now + _MAX_DURATION:
        fail(
            f"--until must be after now, and {_MAX_DURATION.days} days later at most:"
            f" now is {format_time(now)}"
        )
    return End(at.astimezone(now.tzinfo), version)


def _resolve(until: timedelta | time | datetime, now: datetime) -> datetime:
    if isinstance(until, timedelta):
        return now + until
    if isinstance(until, datetime):
        return until
    at = datetime.combine(now.astimezone(until.tzinfo), until)
    return at if at > now else at + _DAY
