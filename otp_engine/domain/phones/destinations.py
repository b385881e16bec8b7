"""The destinations that the operator allows."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from otp_engine.domain.phones import numbering_plans
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
        excluded: Numbers in E.164 that get no message in any case.
    """

    countries: Collection[str]
    excluded: Collection[str] = ()

    def includes(self, number: PhoneNumber) -> bool:
        """Return whether the country of *number* is allowed.

        A number of a plan that territories share is allowed with each of them.
        """
        if number.country in self.countries:
            return True
        if COUNTRY_WILDCARD in self.countries:
            return number.country != GLOBAL_NETWORK
        return any(
            numbering_plans.belongs_to(number.e164, country)
            for country in numbering_plans.countries_of(number.calling_code)
            if country in self.countries
        )

    def check(self, number: PhoneNumber, *, geo_exempt: bool = False) -> None:
        """Check that a message to *number* is allowed.

        Args:
            number: The destination.
            geo_exempt: Whether its country is allowed in any case.

        Raises:
            CountryNotAllowed: Its country is not allowed.
            NumberTypeNotAllowed: It is a landline, a premium line or the like, or
                excluded.
        """
        if number.e164 in self.excluded:
            raise NumberTypeNotAllowed
        if not geo_exempt and not self.includes(number):
            raise CountryNotAllowed(number.country)
        if not number.sms_capable:
            example = numbering_plans.example_of(number.country)
            raise NumberTypeNotAllowed(example=example)
