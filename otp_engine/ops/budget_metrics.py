"""Gauges of the money that messages cost, from the store.

A gauge of each worker would show what its last message saw, and would stay after the
money of an hour has left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from otp_engine.domain.money import amounts, report
from otp_engine.domain.money.budget import BudgetRules
from otp_engine.domain.money.report import CountrySpending, Spending
from otp_engine.errors import StoreUnavailable


class BudgetMetrics(Collector):
    """The money that messages cost, as last read.

    A scrape does not wait for Redis: it gets the values of the last refresh.
    """

    def __init__(
        self, read: Callable[[], Spending], rules: Callable[[], BudgetRules]
    ) -> None:
        """Start without values.

        Args:
            read: Returns the money of all countries.
            rules: Returns the rules of the live budget.
        """
        self._read = read
        self._rules = rules
        # Replaced as a whole, so that a scrape never sees a part of a refresh.
        self._values: tuple[int, list[CountrySpending]] = (0, [])

    def refresh(self) -> None:
        """Read the money; without a reply of Redis the last values stay."""
        with suppress(StoreUnavailable):
            spending = self._read()
            countries = report.by_country(spending, self._rules())
            self._values = (spending.whole.spent, countries)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the metrics; see `Collector`."""
        spent, countries = self._values
        yield GaugeMetricFamily(
            "otp_budget_spent",
            "Money of the running hour and the 24 before it, in units of the currency.",
            value=spent / amounts.MICRO,
        )
        by_country = GaugeMetricFamily(
            "otp_budget_country_spent",
            "The part of otp_budget_spent for a country.",
            labels=["country"],
        )
        shares = GaugeMetricFamily(
            "otp_budget_country_share",
            "The most that messages to a country may cost, in units of the currency.",
            labels=["country"],
        )
        for entry in countries:
            by_country.add_metric([entry.country], entry.spent / amounts.MICRO)
            if entry.share is not None:
                shares.add_metric([entry.country], entry.share / amounts.MICRO)
        yield by_country
        yield shares
