"""Shared limits that are nearly full: their use has reached 80 % of a window."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Lock
from time import monotonic

from otp_engine.domain.limits.limits import WindowUsage

LIMITS = (
    "sends_per_country",
    "sends_per_prefix",
    "sends_per_channel",
    "sends_total",
    "calls_per_country",
    "calls_total",
    "sends_per_network",
    "sends_per_key",
    "vouched_per_key",
    "checks_per_key",
    "failed_checks_total",
)
"""The limits of several requests or recipients. A limit of one recipient or client IP
is often full without a fault of the service."""

MAX_STORED = 10_000
"""Reports of a process before those of ended periods are deleted."""


class NearLimits:
    """Selects the windows to report, each at most once in its period.

    Exactly one request raises the usage of a window from below 80 % to it. Where the
    usage stays around 80 %, that happens often, so a process reports it once.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        """Start without a report.

        Args:
            clock: Returns monotonic seconds.
        """
        self._clock = clock
        self._quiet_until: dict[tuple[str, str, str], float] = {}
        self._lock = Lock()

    def to_report(self, usage: Iterable[WindowUsage]) -> list[WindowUsage]:
        """Return the windows of *usage* that its request has nearly filled.

        Args:
            usage: The usage with the request.
        """
        return [
            window
            for window in usage
            if window.is_near
            and window.limit_name in LIMITS
            and not window.window.shadow
            and self._is_due(window)
        ]

    @property
    def stored(self) -> int:
        """The number of stored reports."""
        return len(self._quiet_until)

    def _is_due(self, usage: WindowUsage) -> bool:
        key = (usage.limit_name, usage.identifier, str(usage.window))
        now = self._clock()
        with self._lock:
            if now < self._quiet_until.get(key, now):
                return False
            if len(self._quiet_until) >= MAX_STORED:
                self._remove_old(now)
            self._quiet_until[key] = now + usage.window.period.total_seconds()
        return True

    def _remove_old(self, now: float) -> None:
        self._quiet_until = {
            key: until for key, until in self._quiet_until.items() if now < until
        }
