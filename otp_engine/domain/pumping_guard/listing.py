"""The places of the pumping guard, as operators list them."""

from __future__ import annotations

import re
from dataclasses import dataclass

import phonenumbers

from otp_engine.domain.phones import prefixes
from otp_engine.domain.pumping_guard.places import HIDDEN_DIGIT, Level, Place
from otp_engine.domain.pumping_guard.rules import Suspension, to_datetime

_NETWORK_DIGITS = 3
_PLACE = re.compile(r"\+[1-9][0-9]{0,14}x*|[A-Z]{2}|001", re.ASCII)
# Digits after a block that make a number of it.
_ANY_NUMBERS = ("0000", "5550000", "2345678")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedPlace:
    """A place at the time of the list.

    Attributes:
        prefix: Its name: a prefix of numbers, or the code of a country.
        level: The kind of the place.
        country: ISO 3166 code; of a calling code that several countries share, the one
            that the prefix belongs to as far as the numbering plan shows it.
        place: The state.
    """

    prefix: str
    level: Level
    country: str
    place: Place

    @classmethod
    def of(cls, prefix: str, place: Place) -> ListedPlace:
        """Return the place with this name and state."""
        level = level_of(prefix)
        return cls(prefix=prefix, level=level, country=_country(prefix), place=place)

    @property
    def suspension(self) -> Suspension | None:
        """The suspension of the place, if it is suspended."""
        if not self.place.is_suspended:
            return None
        return Suspension(
            level=self.level,
            prefix=self.prefix,
            country=self.country,
            unproven=self.place.unproven,
            until=to_datetime(self.place.until),
            trips=self.place.trips,
        )


def level_of(prefix: str) -> Level:
    """Return the level of the place with a name, from its number of characters.

    Raises:
        ValueError: The text is not the name of a place.
    """
    if not _PLACE.fullmatch(prefix):
        raise ValueError(
            f"must be a prefix such as +22177999, or a country: {prefix!r}"
        )
    if not prefix.startswith("+"):
        return Level.COUNTRY
    code = prefixes.calling_code(prefix)
    if code is None:
        raise ValueError(f"must have a known calling code: {prefix!r}")
    is_short = len(prefix) <= len(f"+{code}") + _NETWORK_DIGITS
    is_network = is_short and not prefix.endswith(HIDDEN_DIGIT)
    return Level.NETWORK if is_network else Level.BLOCK


def _country(prefix: str) -> str:
    if not prefix.startswith("+"):
        return prefix
    for digits in _ANY_NUMBERS:
        number = phonenumbers.parse(prefix.rstrip(HIDDEN_DIGIT) + digits)
        if region := phonenumbers.region_code_for_number(number):
            return region
    code = prefixes.calling_code(prefix) or 0
    return phonenumbers.region_code_for_country_code(code)
