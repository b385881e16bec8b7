"""Values as the scripts read them, and what the scripts say as values."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from otp_engine.domain.limits import Charge, Limit, Use


def milliseconds(duration: timedelta) -> int:
    """A duration, as every script is told it."""
    return round(duration.total_seconds() * 1000)


def duration(told: int) -> timedelta:
    """A duration, of the milliseconds that a script has told."""
    return timedelta(milliseconds=told)


def moment(told: int) -> datetime:
    """Return a time in UTC, of the milliseconds since 1970 that a script has told."""
    return datetime.fromtimestamp(told / 1000, tz=UTC)


# Limits come from the policy and from services, so there are few.
@lru_cache(maxsize=256)
def windows(limit: Limit) -> str:
    """Return the windows of a limit: `5/600000 10/86400000`."""
    return " ".join(
        f"{window.count}/{milliseconds(window.period)}" for window in limit.windows
    )


def charge(charge: Charge) -> str:
    """The same of a charge, behind `shadow` where that refuses nobody."""
    written = windows(charge.limit)
    return f"shadow {written}" if charge.limit.in_shadow else written


def uses(name: str, limit: Limit, over: int, said: Sequence[int]) -> list[Use]:
    """How far a limit is used, of `{used, ms, used, ms, ...}`."""
    return [
        Use(
            limit_name=name,
            window=window,
            used=used,
            frees_in=timedelta(milliseconds=wait),
            over=bool(over),
        )
        for window, used, wait in zip(limit.windows, said[::2], said[1::2], strict=True)
    ]
