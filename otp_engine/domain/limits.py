"""Limits, as operators write them: `5/10m, 10/24h`, or `off`.

A limit of `5/10m` means: never more than 5 in any stretch of 10 minutes, exactly.
With `shadow` behind it, as in `5/10m, 3/1h shadow`, a window refuses nobody, and says
whom it would have refused.
Fixed windows, counters and GCRA all let up to twice that through at an unlucky
moment, which is why the store keeps a log of each event instead.

A limit by API key can differ by key: `100/1h; shop=1000/1h`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import timedelta

from otp_engine.domain import durations

_KEY_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
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

    def times(self, factor: int) -> Limit:
        """Return the same windows with *factor* times the count."""
        return Limit(
            tuple(replace(one, count=one.count * factor) for one in self.windows)
        )

    def __bool__(self) -> bool:
        return bool(self.windows)

    def __str__(self) -> str:
        return ", ".join(map(str, self.windows)) or "off"


@dataclass(frozen=True, slots=True)
class KeyedLimit:
    """A limit for every API key, and other limits for some keys by name.

    Attributes:
        default: The limit of each key that `by_name` does not list.
        by_name: Names of API keys with limits of their own, sorted by name.
    """

    default: Limit = Limit()
    by_name: tuple[tuple[str, Limit], ...] = ()

    @classmethod
    def parse(cls, text: str) -> KeyedLimit:
        """Parse `LIMIT[; NAME=LIMIT ...]`, such as `100/1h; shop=1000/1h, 20/1m`.

        Args:
            text: Limits as `Limit.parse` reads them, separated by semicolons. A part
                with a name applies to that API key; one part may have no name.

        Returns:
            The limits, with `off` as the default where each part has a name.

        Raises:
            ValueError: A part cannot be parsed, or a name occurs twice.
        """
        default: Limit | None = None
        by_name: dict[str, Limit] = {}
        for part in text.split(";"):
            name, equals, limit = part.rpartition("=")
            name = name.strip()
            if not equals and default is None:
                default = Limit.parse(limit)
            elif equals and _KEY_NAME.fullmatch(name) and name not in by_name:
                by_name[name] = Limit.parse(limit)
            else:
                raise ValueError(f"must be like 100/1h; shop=1000/1h, or off: {text!r}")
        return cls(default or Limit(), tuple(sorted(by_name.items())))

    def of(self, name: str) -> Limit:
        """Return the limit of the API key *name*."""
        return dict(self.by_name).get(name, self.default)

    @property
    def limits(self) -> tuple[Limit, ...]:
        """Every limit in it, the default first."""
        return (self.default, *(limit for _, limit in self.by_name))

    def __bool__(self) -> bool:
        return any(self.limits)

    def __str__(self) -> str:
        parts = [str(self.default)] if self.default or not self.by_name else []
        return "; ".join([*parts, *(f"{name}={one}" for name, one in self.by_name)])


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
