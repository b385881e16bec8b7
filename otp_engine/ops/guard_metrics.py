"""Gauges of the pumping guard, from the store.

Counters of a process would start again with it, and would miss what other workers and
operators do.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from time import monotonic
from typing import TypeAlias

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from otp_engine.domain.pumping_guard.listing import ListedPlace
from otp_engine.domain.pumping_guard.places import Level
from otp_engine.errors import StoreUnavailable

_REFRESH_INTERVAL = 30.0  # seconds

_Values: TypeAlias = tuple[dict[tuple[str, str], int], dict[str, float]]
"""Suspended places by country and level, and unproven messages by country."""


class GuardMetrics(Collector):
    """The suspended places and the unproven messages, as last read.

    A scrape does not wait for Redis: it gets the values of the last refresh.
    """

    def __init__(
        self,
        read: Callable[[], Iterable[ListedPlace]],
        countries: Iterable[str] = (),
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Start without values.

        Args:
            read: Returns the suspended places, and every country with messages.
            countries: ISO 3166 codes of the countries that are 0 without places.
            clock: Returns monotonic seconds.
        """
        self._read = read
        self._countries = tuple(countries)
        self._clock = clock
        self._next_refresh = -math.inf
        # Replaced as a whole, so that a scrape never sees a part of a refresh.
        self._values: _Values = ({}, {})

    def refresh(self) -> None:
        """Read the places, unless the last values are less than 30 seconds old.

        Without a reply of Redis the last values stay.
        """
        if self._clock() < self._next_refresh:
            return
        with suppress(StoreUnavailable):
            self._values = self._read_values()
            self._next_refresh = self._clock() + _REFRESH_INTERVAL

    def _read_values(self) -> _Values:
        suspended = Counter(
            {(country, str(level)): 0 for country in self._countries for level in Level}
        )
        unproven = dict.fromkeys(self._countries, 0.0)
        for place in self._read():
            if place.suspension:
                suspended[place.country, str(place.level)] += 1
            if place.level is Level.COUNTRY:
                unproven[place.country] = place.place.unproven
        return suspended, unproven

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the metrics; see `Collector`."""
        by_place, by_country = self._values
        suspended = GaugeMetricFamily(
            "otp_guard_suspended",
            "Places that the pumping guard has suspended, in shadow mode as well.",
            labels=["country", "level"],
        )
        for labels, count in by_place.items():
            suspended.add_metric(labels, count)
        yield suspended
        unproven = GaugeMetricFamily(
            "otp_guard_unproven_messages",
            "Messages of a country without an entered code; they halve in a day.",
            labels=["country"],
        )
        for country, messages in by_country.items():
            unproven.add_metric([country], messages)
        yield unproven
