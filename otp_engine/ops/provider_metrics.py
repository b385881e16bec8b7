"""Gauges of the health of providers, from the store.

All workers and instances share the counts, so they are no value of one process.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from time import monotonic

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from otp_engine.domain.routing.health import HealthFigures
from otp_engine.domain.routing.steps import Step
from otp_engine.errors import StoreUnavailable

_REFRESH_INTERVAL = 10.0  # seconds
_GAUGES = {
    "otp_provider_weight": "Percentage of messages for which a step keeps its place.",
    "otp_provider_late_share": "Share of the messages that did not arrive in time.",
    "otp_provider_recent_errors": "Messages of the last minute with an unknown outcome,"
    " or that the provider could not take.",
}


class ProviderMetrics(Collector):
    """The weights, and what they follow from, as last read.

    A scrape does not wait for Redis: it gets the values of the last refresh.
    """

    def __init__(
        self,
        read: Callable[[], Mapping[Step, HealthFigures]],
        steps: Iterable[Step],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Start with all providers at rest.

        Args:
            read: Returns the figures of the steps that had messages.
            steps: Every channel with every provider of the settings.
            clock: Returns monotonic seconds.
        """
        self._read = read
        self._steps = tuple(steps)
        self._clock = clock
        self._next_refresh = -math.inf
        self._figures: Mapping[Step, HealthFigures] = {}

    def refresh(self) -> None:
        """Read the figures, unless the last ones are less than ten seconds old.

        Without a reply of Redis the last values stay.
        """
        if self._clock() < self._next_refresh:
            return
        with suppress(StoreUnavailable):
            self._figures = self._read()
            self._next_refresh = self._clock() + _REFRESH_INTERVAL

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the metrics; see `Collector`."""
        families = [
            GaugeMetricFamily(name, help_text, labels=["channel", "provider"])
            for name, help_text in _GAUGES.items()
        ]
        for step in self._steps:
            figures = self._figures.get(step, HealthFigures())
            values = (figures.weight, figures.late_share, figures.errors)
            for family, value in zip(families, values, strict=True):
                family.add_metric([step.channel, step.provider], value)
        yield from families
