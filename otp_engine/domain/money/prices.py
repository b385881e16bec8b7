"""The prices of messages by country and channel."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """A table of prices, with at least one.

    Attributes:
        currency: The currency of all prices (ISO 4217).
        by_country: The price of one segment of a message, or of one minute of a call,
            in micro-units, by the ISO 3166 code of the country and by channel.
        source: Where the prices come from, for operators.
        as_of: The day of the prices; None if it is not known.
    """

    currency: str
    by_country: Mapping[tuple[str, str], int] = field(repr=False)
    source: str
    as_of: date | None = None
    _highest: Mapping[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        highest: dict[str, int] = {}
        for (_, channel), price in self.by_country.items():
            highest[channel] = max(price, highest.get(channel, 0))
        object.__setattr__(self, "_highest", highest)

    def price(self, country: str, channel: str) -> int:
        """Return the price of one segment to *country*, in micro-units.

        Without a country the message is an e-mail, which has no price.
        A country without a price of its own has the highest price of the channel, so
        that the sum of the prices is never too low.
        """
        if not country:
            return 0
        found = self.by_country.get((country, channel))
        return self.highest(channel) if found is None else found

    def highest(self, channel: str) -> int:
        """Return the highest price of *channel*, or of the table without any."""
        found = self._highest.get(channel)
        return max(self._highest.values()) if found is None else found

    def missing(self, countries: Collection[str], channel: str) -> list[str]:
        """Return those of *countries* without a price of their own, sorted."""
        return sorted(
            country
            for country in countries
            if (country, channel) not in self.by_country
        )
