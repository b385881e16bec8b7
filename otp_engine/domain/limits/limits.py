"""Limits as operators write them: `5/10m, 10/24h`, or `off`.

A limit of `5/10m` allows at most 5 events in any period of 10 minutes, exactly.
A window in shadow mode, as the second of `5/10m, 3/1h shadow`, refuses no request. It
only reports the requests that it would have refused.
Fixed windows, counters and GCRA can allow twice as many at the border of two windows,
so the store logs each event instead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import timedelta

from otp_engine import parsing
from otp_engine.domain.limits import durations

_MAX_PERIOD = timedelta(days=31)
_MAX_COUNT = 1_000_000
_LEAST_NEAR = 5
# With room for a count over the maximum, which has an error of its own.
_whole_number = parsing.integer(0, 1000 * _MAX_COUNT)


@dataclass(frozen=True, slots=True)
class Window:
    """At most *count* events in any *period*.

    Attributes:
        count: The number of events.
        period: The length of the window.
        shadow: Whether it only reports the requests that it would have refused.
        nearly_full: The least number of events that is 80 % of the count; 0 for a count
            under 5, which one more event often fills.
    """

    count: int
    period: timedelta
    shadow: bool = False
    nearly_full: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        nearly_full = 0 if self.count < _LEAST_NEAR else -(-self.count * 4 // 5)
        object.__setattr__(self, "nearly_full", nearly_full)

    @classmethod
    def parse(cls, text: str) -> Window:
        """Parse `COUNT/PERIOD [shadow]`.

        Raises:
            ValueError: The text is not a window. The message follows the name of a
                setting.
        """
        limit, *shadow = re.split(r"\s+(shadow)$", text.strip(), flags=re.IGNORECASE)
        count, _, period = limit.partition("/")
        try:
            window = cls(_whole_number(count), durations.parse(period), bool(shadow))
        except ValueError:
            raise ValueError(f"must be like 5/10m, or off: {text.strip()!r}") from None
        if not 1 <= window.count <= _MAX_COUNT:
            raise ValueError(f"must have a count from 1 to {_MAX_COUNT}: {text!r}")
        if not timedelta() < window.period <= _MAX_PERIOD:
            raise ValueError(f"must have a period from 1s to 31d: {text!r}")
        return window

    def __str__(self) -> str:
        text = f"{self.count}/{durations.format_duration(self.period)}"
        return f"{text} shadow" if self.shadow else text


@dataclass(frozen=True, slots=True)
class Limit:
    """Windows that all apply at once; without a window there is no limit.

    The windows are split once, when the limit is created, because each request needs
    the two parts.

    Attributes:
        windows: All windows.
        enforced: The windows that refuse.
        shadow: The windows in shadow mode.
        parts: Those of the two that have a window.
        in_shadow: Whether every window is in shadow mode.
    """

    windows: tuple[Window, ...] = ()
    enforced: Limit = field(init=False, repr=False, compare=False)
    shadow: Limit = field(init=False, repr=False, compare=False)
    parts: tuple[Limit, ...] = field(init=False, repr=False, compare=False)
    in_shadow: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        enforced, shadow = self._part(shadow=False), self._part(shadow=True)
        parts = tuple(part for part in (enforced, shadow) if part.windows)
        object.__setattr__(self, "enforced", enforced)
        object.__setattr__(self, "shadow", shadow)
        object.__setattr__(self, "parts", parts)
        object.__setattr__(self, "in_shadow", parts == (shadow,))

    def _part(self, *, shadow: bool) -> Limit:
        windows = tuple(window for window in self.windows if window.shadow is shadow)
        return self if windows == self.windows else Limit(windows)

    @classmethod
    def parse(cls, text: str) -> Limit:
        """Parse `COUNT/PERIOD [shadow][, COUNT/PERIOD [shadow] ...]` or `off`.

        Raises:
            ValueError: The text is not a limit. The message follows the name of a
                setting.
        """
        if text.strip().lower() == "off":
            return cls()
        return cls(tuple(Window.parse(part) for part in text.split(",")))

    def times(self, factor: int) -> Limit:
        """Return the same windows with *factor* times the count."""
        return Limit(
            tuple(
                replace(window, count=window.count * factor) for window in self.windows
            )
        )

    @property
    def as_shadow(self) -> Limit:
        """The same windows in shadow mode."""
        return Limit(tuple(replace(window, shadow=True) for window in self.windows))

    def __bool__(self) -> bool:
        return bool(self.windows)

    def __str__(self) -> str:
        return ", ".join(map(str, self.windows)) or "off"


@dataclass(frozen=True, slots=True)
class LimitHit:
    """One event that a limit counts.

    Attributes:
        limit_name: The limit's name in the policy, such as `sends_per_ip`.
        identifier: The value that the limit counts by, pseudonymized where it is
            personal; empty for a limit that all requests share.
        limit: Its windows: either enforced ones only, or ones in shadow mode only.
    """

    limit_name: str
    identifier: str
    limit: Limit


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowUsage:
    """The usage of one window of a limit.

    Attributes:
        limit_name: The limit's name in the policy.
        window: The window.
        used: Events that the window counts at the moment.
        resets_in: Time until one more event is allowed; zero if it is allowed now.
        would_refuse: Whether the limit, in shadow mode, would have refused the event
            that was just counted.
        read_at: The time of the reading by the store's clock, in milliseconds since
            1970; 0 if it is unknown.
        identifier: What the limit counts by; see `LimitHit`.
        is_near: Whether the usage is exactly at 80 % of the window, or of the part of
            it that counted the event. Only one event raises the usage to it.
    """

    limit_name: str
    window: Window
    used: int
    resets_in: timedelta
    would_refuse: bool = False
    read_at: int = field(default=0, compare=False)
    identifier: str = ""
    is_near: bool = False
