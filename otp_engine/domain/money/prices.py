"""The prices of messages by country and channel."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """A table of prices.

    Attributes:
        currency: The currency of all prices (ISO 4217).
        by_country: The price of one segment of a message, or of one minute of a call,
            in micro-units, by the ISO 3166 code of the country and by channel.
        source: Where the prices come from, for operators.
        as_of: The day of the prices; None if it is not known.
    """

    currency: str
    by_country: Mapping[tuple[str, str], int]
    source: str
    as_of: date | None = None

    def price(self, country: str, channel: str) -> int:
        """Return the price of one segment to *country*, in micro-units.

        A country without a price of its own has the highest price of the channel, so
        that the sum of the prices is never too low.
        """
        found = self.by_country.get((country, channel))
        return self.highest(channel) if found is None else found

    def highest(self, channel: str) -> int:
        """Return the highest price of *channel*, or of the table without any."""
        prices = [
            price for (_, name), price in self.by_country.items() if name == channel
        ]
        return max(prices or self.by_country.values())

    def missing(self, countries: Collection[str], channel: str) -> list[str]:
        """Return those of *countries* without a price of their own, sorted."""
        return sorted(
            country
            for country in countries
            if (country, channel) not in self.by_country
        )
