"""Values as the scripts read them, and what the scripts say as values."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from otp_engine.domain.limits import Limit, Use


def milliseconds(duration: timedelta) -> int:
    """A duration, as every script is told it."""
    return round(duration.total_seconds() * 1000)


def duration(milliseconds: int) -> timedelta:
    """A duration, as every script says it."""
    return timedelta(milliseconds=milliseconds)


def limit(limit: Limit) -> str:
    """A limit: `5/600000 10/86400000`, and behind it `shadow` if it is in shadow."""
    windows = [
        f"{window.count}/{milliseconds(window.period)}" for window in limit.windows
    ]
    return " ".join([*windows, "shadow"] if limit.shadow else windows)


def uses(name: str, limit: Limit, said: Sequence[int]) -> list[Use]:
    """How far a limit is used, of `{used, ms, used, ms, ...}`."""
    return [
        Use(
            limit_name=name,
            window=window,
            used=used,
            frees_in=duration(wait),
            shadow=limit.shadow,
        )
        for window, used, wait in zip(limit.windows, said[::2], said[1::2], strict=True)
    ]
