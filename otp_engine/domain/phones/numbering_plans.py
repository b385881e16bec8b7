"""Read digits by the numbering plans of libphonenumber.

Several spellings can reach one phone. `read` returns one canonical form for all of
them, because limits and verifications are stored under its E.164 form. It returns None
for digits that could reach two phones.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import phonenumbers
from phonenumbers import (
    CountryCodeSource,
    NumberParseException,
    PhoneNumberFormat,
    PhoneNumberType,
)

UNKNOWN_REGION = "ZZ"
"""The region for which every number needs a plus."""

# By calling code: an old form of national numbers, and the form that replaced it.
_OLD_FORMS = {
    # Mexico dialed its mobile numbers with 1, 01, 044 or 045 in front until 2019.
    52: (re.compile(r"(?:0?1|04[45])([0-9]{10})", re.ASCII), r"\1"),
    # Gabon's numbers until 2019, which libphonenumber accepts with and without their 0.
    241: (re.compile(r"([2-7][0-9]{6})", re.ASCII), r"0\1"),
}
# International prefixes that people write wherever they are: the one that ITU-T E.164
# recommends, and those of Japan, North America and Australia.
_WELL_KNOWN_PREFIXES = ("00", "0011", "010", "011")
_AREA_CODES = frozenset({"010", "011"})


class AssignableNumber(NamedTuple):
    """A number that can be assigned.

    Attributes:
        number: The number, in its canonical form.
        line_type: Its `PhoneNumberType`.
    """

    number: phonenumbers.PhoneNumber
    line_type: int

    def __repr__(self) -> str:
        """Return a text without the number."""
        return f"AssignableNumber(line_type={self.line_type})"


def read(digits: str, region: str) -> AssignableNumber | None:
    """Read an assignable number, in its canonical form.

    Args:
        digits: ASCII digits, which can have a plus in front.
        region: ISO 3166 code of the region of numbers without a plus, or
            `UNKNOWN_REGION`.

    Returns:
        None if the digits are not a number that can be assigned, or mean two numbers.
    """
    found = _read_assignable(digits, region)
    if found is None or not digits.startswith(_WELL_KNOWN_PREFIXES):
        return found
    source = phonenumbers.parse(digits, region, keep_raw_input=True).country_code_source
    is_national = source == CountryCodeSource.FROM_DEFAULT_COUNTRY
    # Some countries have a prefix of other digits: in Thailand "006681..." is 00 and
    # Thailand, or 006 and Wallis and Futuna. 010 and 011 also start national numbers.
    for prefix in _WELL_KNOWN_PREFIXES:
        if digits.startswith(prefix) and not (is_national and prefix in _AREA_CODES):
            other = _read_assignable(f"+{digits.removeprefix(prefix)}", UNKNOWN_REGION)
            if other and to_e164(other.number) != to_e164(found.number):
                return None
    return found


def read_unassigned(digits: str, region: str) -> phonenumbers.PhoneNumber | None:
    """Read a number that need not be assignable, in its canonical form.

    Args:
        digits: As for `read`.
        region: As for `read`.

    Returns:
        None if the digits have no known calling code, or are too few or too many.
    """
    if digits.startswith("+"):
        # With a region, libphonenumber also tries to read "+990..." without its plus.
        region = UNKNOWN_REGION
    try:
        number = phonenumbers.parse(digits, region, keep_raw_input=True)
    except NumberParseException:
        return None
    to_canonical = _CANONICAL_FORMS.get(number.country_code or 0)
    return to_canonical(number) if to_canonical else number


def to_e164(number: phonenumbers.PhoneNumber) -> str:
    """Return the E.164 form of *number*."""
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def belongs_to(e164: str, country: str) -> bool:
    """Return whether the plan of *country* contains a number.

    Territories can share a plan: a Finnish mobile number can belong to Åland (AX).

    Args:
        e164: An assignable number.
        country: ISO 3166 code.
    """
    return phonenumbers.is_valid_number_for_region(phonenumbers.parse(e164), country)


def countries_of(calling_code: int) -> Sequence[str]:
    """Return the ISO 3166 codes of the countries that share a calling code."""
    return phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(calling_code, ())


def main_country(country: str) -> str:
    """Return the country that mobile numbers of *country* count under.

    Territories with a plan of their own are their own main country.

    Args:
        country: ISO 3166 code of a country with mobile numbers.
    """
    number = phonenumbers.example_number_for_type(country, PhoneNumberType.MOBILE)
    main = number and phonenumbers.region_code_for_number(number)
    return main or country


def example_for(digits: str, region: str) -> str | None:
    """Return a mobile number of the country that *digits* seem to belong to.

    Args:
        digits: As for `read`, or text that is no number.
        region: As for `read`.

    Returns:
        The number as people write it, with its country code; None without a country.
    """
    number = read_unassigned(digits, region)
    code = number.country_code if number else None
    if code and code != phonenumbers.country_code_for_region(region):
        region = phonenumbers.region_code_for_country_code(code)
    return example_of(region)


def example_of(country: str) -> str | None:
    """Return a mobile number of *country* as people write it, with its country code."""
    number = phonenumbers.example_number_for_type(country, PhoneNumberType.MOBILE)
    if number is None:
        return None
    return phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)


def _read_assignable(digits: str, region: str) -> AssignableNumber | None:
    number = read_unassigned(digits, region)
    if number is None:
        return None
    line_type = phonenumbers.number_type(number)
    # The type of an invalid number is unknown.
    if line_type == PhoneNumberType.UNKNOWN:
        return None
    return AssignableNumber(number, line_type)


def _replace_old_form(number: phonenumbers.PhoneNumber) -> phonenumbers.PhoneNumber:
    """Return the current form of a number in an old form of its country."""
    code = number.country_code or 0
    old_form, replacement = _OLD_FORMS[code]
    old = old_form.fullmatch(phonenumbers.national_significant_number(number))
    return phonenumbers.parse(f"+{code}{old.expand(replacement)}") if old else number


def _add_mobile_token(number: phonenumbers.PhoneNumber) -> phonenumbers.PhoneNumber:
    """Return the mobile form of a national number of Argentina.

    A landline and a mobile phone never have the same ten digits there, and E.164 has a
    9 in front of those of a mobile phone. People write their mobile number without it.
    A number with its country code and without the 9 is a landline.
    """
    is_national = number.country_code_source == CountryCodeSource.FROM_DEFAULT_COUNTRY
    is_landline = phonenumbers.number_type(number) == PhoneNumberType.FIXED_LINE
    if not (is_national and is_landline):
        return number
    national = phonenumbers.national_significant_number(number)
    mobile = phonenumbers.parse(f"+{number.country_code}9{national}")
    is_mobile = phonenumbers.number_type(mobile) == PhoneNumberType.MOBILE
    return mobile if is_mobile else number


_CANONICAL_FORMS = {
    **dict.fromkeys(_OLD_FORMS, _replace_old_form),
    54: _add_mobile_token,
}
