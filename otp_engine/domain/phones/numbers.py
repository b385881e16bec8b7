"""Whatever a person types as a phone number, read as E.164."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberType

from otp_engine.domain import typing_marks
from otp_engine.errors import CountryNotAllowed, InvalidPhone, NumberTypeNotAllowed

ALL_COUNTRIES = "*"
UNKNOWN_REGION = "ZZ"
"""The region of whoever writes every number with a plus."""

_E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_TYPED = re.compile(r"\+?[0-9]{3,20}", re.ASCII)
_PUNCTUATION = str.maketrans("", "", "()[]./")
_SHOWN = 4
MIN_HIDDEN_DIGITS = 3
"""Digits of a number that no log line and no event shows, taken together."""
GLOBAL_NETWORK = "001"
"""The country of networks that belong to no country."""
_MOBILE = frozenset(
    {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE},
)


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """A number that can exist.

    Attributes:
        e164: The number as `+14155550123` (ITU-T E.164).
        country: ISO 3166 code of the region it belongs to, or `001` for networks of
            no country (satellite and the like). `+1` alone is 25 countries.
        calling_code: The digits after the plus that lead to the region.
        can_receive: Whether its kind of line can receive a text message.
    """

    e164: str
    country: str
    calling_code: int
    sms_capable: bool

    @property
    def masked(self) -> str:
        """The number as it may be logged, such as `+91******2345`."""
        national = self.national
        hidden = "*" * (len(national) - visible_digits(national))
        return f"+{self.calling_code}{hidden}{national[len(hidden) :]}"

    @property
    def national(self) -> str:
        """The digits after the calling code."""
        return self.e164.removeprefix(f"+{self.calling_code}")

    def __repr__(self) -> str:
        return f"PhoneNumber({self.masked})"


def visible_digits(national: str) -> int:
    """Return how many digits at the end of *national* a masked number shows."""
    return max(0, min(_SHOWN, len(national) - MIN_HIDDEN_DIGITS))


def parse(text: str, region: str) -> PhoneNumber:
    """Read an international number, or a national one of *region*.

    Digits are 0 to 9; spaces, dashes, dots, slashes and brackets are ignored. What
    `phonenumbers` would make of `tel:` links, extensions, letters and the digits of
    other scripts is not asked: two spellings of a number must not be a surprise.

    Raises:
        InvalidPhone: It is not a number that libphonenumber knows to be assignable.
    """
    typed = typing_marks.strip_separators(text).translate(_PUNCTUATION)
    if not _TYPED.fullmatch(typed):
        raise InvalidPhone
    try:
        number = phonenumbers.parse(typed, region)
    except NumberParseException:
        raise InvalidPhone from None
    country = phonenumbers.region_code_for_number(number)
    if country is None or not phonenumbers.is_valid_number(number):
        raise InvalidPhone
    return PhoneNumber(
        phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164),
        country,
        number.country_code or 0,
        phonenumbers.number_type(number) in _MOBILE,
    )


def parse_unassigned(text: str) -> PhoneNumber:
    """Read a number that is written in E.164 and need not exist.

    Raises:
        InvalidPhone: It is not even written as one.
    """
    if not _E164.fullmatch(text):
        raise InvalidPhone
    try:
        number = phonenumbers.parse(text)
    except NumberParseException:
        raise InvalidPhone from None
    code = number.country_code or 0
    country = phonenumbers.region_code_for_country_code(code)
    return PhoneNumber(text, country, code, sms_capable=True)


@dataclass(frozen=True, slots=True)
class AllowedDestinations:
    """Which numbers the operator pays messages for.

    Attributes:
        countries: ISO 3166 codes, or `*` for every country. Networks of no country
            cost the most and have the fewest people, so `*` leaves them out.
    """

    countries: Collection[str]

    def includes(self, country: str) -> bool:
        """Return whether *country*, an ISO 3166 code, is served."""
        everywhere = ALL_COUNTRIES in self.countries and country != GLOBAL_NETWORK
        return everywhere or country in self.countries

    def check(self, number: PhoneNumber, *, geo_exempt: bool = False) -> None:
        """Let *number* pass; the country of one that is *trusted* does not matter.

        Raises:
            CountryNotAllowed: Its country is not served.
            NumberTypeNotAllowed: It is a landline, a premium line or the like.
        """
        if not geo_exempt and not self.includes(number.country):
            raise CountryNotAllowed(number.country)
        if not number.sms_capable:
            raise NumberTypeNotAllowed


def is_supported_region(code: str) -> bool:
    """Whether *code* is an ISO 3166 code of a region that has phone numbers."""
    return code in phonenumbers.SUPPORTED_REGIONS
