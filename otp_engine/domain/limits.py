"""Limits, as operators write them: `5/10m, 10/24h`, or `off`.

A limit of `5/10m` means: never more than 5 in any stretch of 10 minutes, exactly.
With `shadow` behind it, as in `5/10m, 3/1h shadow`, a window refuses nobody, and says
whom it would have refused.
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
    """At most *count* in any stretch of *period*.

    Attributes:
        shadow: Whether it refuses nobody, and only says whom it would have.
    """

    count: int
    period: timedelta
    shadow: bool = False

    @classmethod
    def parse(cls, text: str) -> Window:
        """Read `COUNT/PERIOD [shadow]`.

        Raises:
            ValueError: With a phrase that fits behind the name of a setting.
        """
        written, *shadow = re.split(r"\s+(shadow)$", text.strip(), flags=re.IGNORECASE)
        count, slash, period = written.partition("/")
        if not (slash and count.isascii() and count.isdigit()):
            raise ValueError(f"must be like 5/10m, or off: {text.strip()!r}")
        window = cls(int(count), durations.parse(period), bool(shadow))
        if not 1 <= window.count <= _MOST:
            raise ValueError(f"must let through between 1 and {_MOST}: {text!r}")
        if not timedelta() < window.period <= _LONGEST:
            raise ValueError(f"must be over a period from 1s to 31d: {text!r}")
        return window

    def __str__(self) -> str:
        written = f"{self.count}/{durations.write(self.period)}"
        return f"{written} shadow" if self.shadow else written


@dataclass(frozen=True, slots=True)
class Limit:
    """Every window at once; with none, there is no limit."""

    windows: tuple[Window, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Limit:
        """Read `COUNT/PERIOD [shadow][, COUNT/PERIOD [shadow] ...]` or `off`.

        Raises:
            ValueError: With a phrase that fits behind the name of a setting.
        """
        if text.strip().lower() == "off":
            return cls()
        return cls(tuple(Window.parse(part) for part in text.split(",")))

    @property
    def enforced(self) -> Limit:
        """Its windows that refuse."""
        return Limit(tuple(one for one in self.windows if not one.shadow))

    @property
    def shadow(self) -> Limit:
        """Its windows that only say whom they would have refused."""
        return Limit(tuple(one for one in self.windows if one.shadow))

    def __bool__(self) -> bool:
        return bool(self.windows)

    def __str__(self) -> str:
        return ", ".join(map(str, self.windows)) or "off"


@dataclass(frozen=True, slots=True)
class Charge:
    """One event that a shared limit is about to count.

    Attributes:
        limit_name: The limit's name in the policy, such as `sends_per_ip`.
        counted: Whom it counts, already digested where it is personal; empty for all.
        limit: Its windows, either those that refuse or those in shadow.
    """

    limit_name: str
    counted: str
    limit: Limit

    @property
    def shadow(self) -> bool:
        """Whether it refuses nobody, and counts only whom it would let through."""
        return any(window.shadow for window in self.limit.windows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """How far one window of a limit is used.

    Attributes:
        limit_name: The limit's name in the policy.
        used: Events that it counts at the moment.
        frees_in: How long until it has room for one more; nothing, and it has.
        over: Whether the limit, in shadow, would have refused what was just counted.
    """

    limit_name: str
    window: Window
    used: int
    frees_in: timedelta
    over: bool = False
