"""Limits, as operators write them: `5/10m, 10/24h`, or `off`.

A limit of `5/10m` means: never more than 5 in any stretch of 10 minutes, exactly.
With `shadow` behind it, it refuses nobody, and says whom it would have refused.
Fixed windows, counters and GCRA all let up to twice that through at an unlucky
moment, which is why the store keeps a log of each event instead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from otp_engine.domain import durations

_LONGEST = timedelta(days=31)
_MOST = 1_000_000


@dataclass(frozen=True, slots=True)
class Window:
    """At most *count* in any stretch of *period*."""

    count: int
    period: timedelta

    @classmethod
    def parse(cls, text: str) -> Window:
        """Read `COUNT/PERIOD`.

        Raises:
            ValueError: With a phrase that fits behind the name of a setting.
        """
        count, slash, period = text.strip().partition("/")
        if not (slash and count.isascii() and count.isdigit()):
            raise ValueError(f"must be like 5/10m, or off: {text.strip()!r}")
        window = cls(int(count), durations.parse(period))
        if not 1 <= window.count <= _MOST:
            raise ValueError(f"must let through between 1 and {_MOST}: {text!r}")
        if not timedelta() < window.period <= _LONGEST:
            raise ValueError(f"must be over a period from 1s to 31d: {text!r}")
        return window

    def __str__(self) -> str:
        return f"{self.count}/{durations.write(self.period)}"


@dataclass(frozen=True, slots=True)
class Limit:
    """Every window at once; with none, there is no limit.

    Attributes:
        shadow: Whether it counts as any other, and refuses nobody.
    """

    windows: tuple[Window, ...] = ()
    shadow: bool = False

    @classmethod
    def parse(cls, text: str) -> Limit:
        """Read `COUNT/PERIOD[, COUNT/PERIOD ...] [shadow]` or `off`.

        Raises:
            ValueError: With a phrase that fits behind the name of a setting.
        """
        if text.strip().lower() == "off":
            return cls()
        windows, *shadow = re.split(r"\s+(shadow)\s*$", text, flags=re.IGNORECASE)
        return cls(
            tuple(Window.parse(part) for part in windows.split(",")), bool(shadow)
        )

    def __bool__(self) -> bool:
        return bool(self.windows)

    def __str__(self) -> str:
        windows = ", ".join(map(str, self.windows)) or "off"
        return f"{windows} shadow" if self.shadow else windows


@dataclass(frozen=True, slots=True)
class Charge:
    """One event that a shared limit is about to count.

    Attributes:
        limit_name: The limit's name in the policy, such as `sends_per_ip`.
        counted: Whom it counts, already digested where it is personal; empty for all.
    """

    limit_name: str
    counted: str
    limit: Limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """How far one window of a limit is used.

    Attributes:
        limit_name: The limit's name in the policy.
        used: Events that it counts at the moment.
        frees_in: How long until it has room for one more; nothing, and it has.
        shadow: Whether the limit refuses nobody.
    """

    limit_name: str
    window: Window
    used: int
    frees_in: timedelta
    shadow: bool = False

    @property
    def over(self) -> bool:
        """Whether the last event was one that the limit would have refused."""
        return self.used > self.window.count
