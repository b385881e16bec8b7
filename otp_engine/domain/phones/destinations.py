"""The destinations that the operator allows."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from otp_engine.domain.phones.numbers import (
    COUNTRY_WILDCARD,
    GLOBAL_NETWORK,
    PhoneNumber,
)
from otp_engine.errors import CountryNotAllowed, NumberTypeNotAllowed


@dataclass(frozen=True, slots=True)
class AllowedDestinations:
    """The numbers that the operator pays messages for.

    Attributes:
        countries: ISO 3166 codes, or `*` for every country. `*` excludes networks of no
            country: they are the most expensive and have the fewest recipients.
    """

    countries: Collection[str]

    def includes(self, country: str) -> bool:
        """Return whether *country*, an ISO 3166 code, is allowed."""
        if country in self.countries:
            return True
        return COUNTRY_WILDCARD in self.countries and country != GLOBAL_NETWORK

    def check(self, number: PhoneNumber, *, geo_exempt: bool = False) -> None:
        """Check that a message to *number* is allowed.

        Args:
            number: The destination.
            geo_exempt: Whether its country is allowed in any case.

        Raises:
            CountryNotAllowed: Its country is not allowed.
            NumberTypeNotAllowed: It is a landline, a premium line or the like.
        """
        if not geo_exempt and not self.includes(number.country):
            raise CountryNotAllowed(number.country)
        if not number.sms_capable:
            raise NumberTypeNotAllowed
