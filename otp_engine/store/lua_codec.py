"""Conversion between Python values and the arguments and replies of Lua scripts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from otp_engine.domain.limits.limits import Limit, LimitHit, WindowUsage


def to_ms(duration: timedelta) -> int:
    """Return a duration in milliseconds."""
    return round(duration.total_seconds() * 1000)


def from_ms(milliseconds: int) -> timedelta:
    """Return the duration of so many milliseconds."""
    return timedelta(milliseconds=milliseconds)


def to_timestamp(moment: datetime) -> int:
    """Return a time in milliseconds since 1970."""
    return int(moment.timestamp() * 1000)


def from_timestamp(milliseconds: int) -> datetime:
    """Return the time in UTC of so many milliseconds since 1970."""
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC)


# Limits come from the policy and from services, so there are few.
@lru_cache(maxsize=256)
def encode_limit(limit: Limit) -> str:
    """Return the windows of a limit as text: `5/600000 10/86400000`."""
    return " ".join(
        f"{window.count}/{to_ms(window.period)}" for window in limit.windows
    )


def encode_hit(charge: LimitHit) -> str:
    """Return the limit of a hit as text, with the prefix `shadow` in shadow mode."""
    limit = encode_limit(charge.limit)
    return f"shadow {limit}" if charge.limit.in_shadow else limit


def decode_usage(
    name: str, limit: Limit, over: int, values: Sequence[int]
) -> list[WindowUsage]:
    """Return the usage of each window of a limit.

    Args:
        name: Name of the limit.
        limit: The limit of *values*.
        over: 1 if a limit in shadow mode would reject, else 0.
        values: `{used, ms, used, ms, ...}` from a script.
    """
    return [
        WindowUsage(
            limit_name=name,
            window=window,
            used=used,
            resets_in=timedelta(milliseconds=wait),
            would_refuse=bool(over),
        )
        for window, used, wait in zip(
            limit.windows, values[::2], values[1::2], strict=True
        )
    ]
