"""Phone numbers in E.164, parsed from what a recipient or a client writes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import ClassVar

import phonenumbers
from phonenumbers import PhoneNumberType

from otp_engine import parsing
from otp_engine.domain.phones import numbering_plans, prefixes
from otp_engine.domain.phones.numbering_plans import UNKNOWN_REGION
from otp_engine.domain.pumping_guard.places import HIDDEN_DIGIT, Destination
from otp_engine.errors import InvalidPhone

__all__ = [
    "COUNTRY_WILDCARD",
    "GLOBAL_NETWORK",
    "UNKNOWN_REGION",
    "PhoneNumber",
    "has_mobile_numbers",
    "normalize",
    "parse",
    "parse_unassigned",
]

COUNTRY_WILDCARD = "*"
GLOBAL_NETWORK = "001"
"""The country of networks that belong to no country."""

_E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_DIGITS = re.compile(r"\+?[0-9]{3,20}", re.ASCII)
# As in libphonenumber, full-width forms are included, the minus sign (2212) and the
# prolonged sound mark (30FC), which Japanese keyboards have in place of the dash.
_PUNCTUATION = str.maketrans(
    "\uff0b", "+", "()[]./\uff08\uff09\uff3b\uff3d\uff0e\uff0f\u2212\u30fc"
)
# A log line and an event can be matched by their time. A log line shows the end of a
# number and an event the start, so both together must hide some digits. A suspended
# block is in clear, and hides as many as its size needs, less those of a log line.
_LOGGED_DIGITS, _EVENT_DIGITS, _HIDDEN_DIGITS = 2, 3, 3
_BLOCK_DIGITS = 4
# The recipient knows the number, and has to recognize it.
_RECIPIENT_DIGITS = 4
_SMS_TYPES = frozenset({PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE})


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """A phone number.

    Attributes:
        e164: The number as `+14155550123` (ITU-T E.164).
        country: ISO 3166 code of its region, or `001` for networks of no country, such
            as satellite networks. `+1` alone is 25 countries.
        calling_code: The digits after the plus that select the region.
        sms_capable: Whether its kind of line can receive a text message.
        is_landline: Whether it is a landline, which can only be called.
        canonical: The canonical form, which is `e164`.
        masked: The number for logs: calling code and last digits, `+91********45`.
        visible_prefix: The number for events: calling code and first digits, `+91944`.
        kind: Separates the pseudonyms of phone numbers from those of other addresses.
    """

    kind: ClassVar[str] = "phone"

    e164: str
    country: str
    calling_code: int
    sms_capable: bool
    is_landline: bool = False
    canonical: str = field(init=False, compare=False)
    masked: str = field(init=False, compare=False)
    visible_prefix: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        code = f"+{self.calling_code}"
        national = self.e164.removeprefix(code)
        logged = max(0, min(_LOGGED_DIGITS, len(national) - _HIDDEN_DIGITS))
        masked = len(national) - logged
        in_events = max(0, min(_EVENT_DIGITS, masked - _HIDDEN_DIGITS))
        text = f"{code}{'*' * masked}{national[masked:]}"
        object.__setattr__(self, "canonical", self.e164)
        object.__setattr__(self, "masked", text)
        object.__setattr__(self, "visible_prefix", code + national[:in_events])

    @property
    def shown_to_recipient(self) -> str:
        """The number for the person who entered it: `+91******2345`."""
        code = f"+{self.calling_code}"
        national = self.e164.removeprefix(code)
        visible = max(0, min(_RECIPIENT_DIGITS, len(national) - _HIDDEN_DIGITS))
        masked = len(national) - visible
        return f"{code}{'*' * masked}{national[masked:]}"

    @property
    def block(self) -> str:
        """The number without its last four digits, for 10,000 numbers: `+91944501`."""
        shortest = len(self.visible_prefix)
        return self.e164[: max(shortest, len(self.e164) - _BLOCK_DIGITS)]

    @property
    def destination(self) -> Destination:
        """The places of the number, as the pumping guard counts them.

        The block of a short number has as few digits as a network of longer numbers,
        and can have the same ones: `+43650` of `+436501234` and of `+436501234567`. So
        its name has the other digits as well, each as an `x`: `+43650xxxx`.
        """
        block, longest_network = (
            self.block,
            len(f"+{self.calling_code}") + _EVENT_DIGITS,
        )
        if len(block) <= longest_network:
            block = block.ljust(len(self.e164), HIDDEN_DIGIT)
        return Destination(
            block=block, network=self.visible_prefix, country=self.country
        )

    def __repr__(self) -> str:
        return f"PhoneNumber({self.masked})"


def normalize(text: str) -> str:
    """Return the digits of a number, with a plus in front if it has one.

    Digits of every script are accepted. Dots, slashes, brackets and all that
    `parsing.normalize_typed` removes are ignored. The other forms that `phonenumbers`
    accepts are rejected, because their meaning is not obvious: `tel:` links, extensions
    and vanity numbers.

    Raises:
        InvalidPhone: The text has other characters, or too few or too many digits.
    """
    if _DIGITS.fullmatch(text):
        return text
    digits = parsing.normalize_typed(text).translate(_PUNCTUATION)
    if not _DIGITS.fullmatch(digits):
        raise InvalidPhone
    return digits


def parse(text: str, region: str) -> PhoneNumber:
    """Parse an international number, or a national one of *region*.

    Args:
        text: The number; see `normalize`.
        region: ISO 3166 code, or `UNKNOWN_REGION`.

    Raises:
        InvalidPhone: The text is not a number that libphonenumber knows to be
            assignable, or means two numbers.
    """
    digits = normalize(text)
    read = numbering_plans.read(digits, region)
    country = phonenumbers.region_code_for_number(read.number) if read else None
    if read is None or country is None:
        raise InvalidPhone(example=numbering_plans.example_for(digits, region))
    return PhoneNumber(
        numbering_plans.to_e164(read.number),
        country,
        read.number.country_code or 0,
        read.line_type in _SMS_TYPES,
        read.line_type == PhoneNumberType.FIXED_LINE,
    )


def parse_unassigned(text: str) -> PhoneNumber:
    """Parse an international number that need not be assignable.

    Args:
        text: The number, with a plus; see `normalize`.

    Raises:
        InvalidPhone: The text is not in E.164, or has no known calling code.
    """
    digits = normalize(text)
    number = numbering_plans.read_unassigned(digits, UNKNOWN_REGION)
    if number is None or not _E164.fullmatch(digits):
        raise InvalidPhone
    code = number.country_code or 0
    country = phonenumbers.region_code_for_country_code(code)
    # Only an assignable number has several spellings.
    is_assignable = phonenumbers.is_valid_number(number)
    e164 = numbering_plans.to_e164(number) if is_assignable else digits
    return PhoneNumber(e164, country, code, sms_capable=True)


def visible_part(prefix: str) -> str:
    """Return what events show of the numbers that start with *prefix*.

    Args:
        prefix: A calling code and any number of digits, with a plus.

    Returns:
        The prefix, cut after the calling code and three digits.
    """
    code = prefixes.calling_code(prefix)
    return prefix[: len(f"+{code}") + _EVENT_DIGITS]


def every_country() -> frozenset[str]:
    """Return the codes of all countries that a number can have."""
    return frozenset(phonenumbers.SUPPORTED_REGIONS) | {GLOBAL_NETWORK}


def has_mobile_numbers(code: str) -> bool:
    """Return whether *code* is the ISO 3166 code of a country with mobile numbers."""
    is_country = code in phonenumbers.SUPPORTED_REGIONS
    return is_country and numbering_plans.example_of(code) is not None
