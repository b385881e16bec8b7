"""The destinations that the operator allows."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from otp_engine.domain.addresses import Address
from otp_engine.domain.email_addresses import EmailAddress
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

    def check(self, address: Address, *, geo_exempt: bool = False) -> None:
        """Check that a message to *address* is allowed; to an e-mail address it is.

        Args:
            address: The destination.
            geo_exempt: Whether its country is allowed in any case.

        Raises:
            CountryNotAllowed: Its country is not allowed.
            NumberTypeNotAllowed: It is a premium line or the like, or excluded.
        """
        if isinstance(address, EmailAddress):
            return
        if address.e164 in self.excluded:
            raise NumberTypeNotAllowed
        if not geo_exempt and not self.includes(address):
            raise CountryNotAllowed(address.country)
        if not address.sms_capable and not address.is_landline:
            raise wrong_type(address)


def wrong_type(number: PhoneNumber) -> NumberTypeNotAllowed:
    """Return the error for the type of a number, with a mobile number as an example."""
    return NumberTypeNotAllowed(example=numbering_plans.example_of(number.country))
