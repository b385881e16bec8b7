"""The countries of the drill, and numbers and addresses in them."""

from __future__ import annotations

import random
from dataclasses import dataclass

import phonenumbers

BLOCK_DIGITS = 4
_MOBILE = {
    phonenumbers.PhoneNumberType.MOBILE,
    phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE,
}


@dataclass(frozen=True, slots=True)
class Country:
    """A country of the drill.

    Attributes:
        code: ISO 3166 code.
        prefixes: Calling code and first digits of its mobile networks.
        digits: Digits of a number, with the calling code.
        utc_offset: Hours by which its clocks are ahead of UTC.
        recipients: Good people a day who request a code.
        conversion: Share of them who type their code in.
        usd: Price of a message.
    """

    code: str
    prefixes: tuple[str, ...]
    digits: int
    utc_offset: float
    recipients: int
    conversion: float
    usd: float


_ROWS = (
    ("IN", "9198 9197 9199 9190 9170 9188", 12, 5.5, 260, 0.78, 0.083),
    ("US", "1212 1310 1415 1646 1713 1305", 11, -6, 150, 0.85, 0.008),
    ("ID", "62812 62813 62857 62878 62896", 12, 7, 130, 0.72, 0.360),
    ("BR", "55119 55219 55319", 13, -3, 90, 0.75, 0.060),
    ("GB", "44740 44750 44770 44780 44790", 12, 0, 80, 0.85, 0.052),
    ("DE", "49151 49160 49170 49176", 13, 1, 80, 0.84, 0.112),
    ("FR", "336 337", 11, 1, 60, 0.83, 0.080),
    ("MX", "5255 5233 5281", 12, -6, 60, 0.74, 0.060),
    ("PH", "63917 63905 63998", 12, 8, 60, 0.70, 0.200),
    ("NG", "234803 234806 234813 234905", 13, 1, 60, 0.68, 0.270),
    ("PK", "92300 92301 92321 92333 92345", 12, 5, 60, 0.67, 0.278),
    ("VN", "8490 8491 8498", 11, 7, 50, 0.71, 0.150),
    ("BD", "88017 88018 88019", 13, 6, 50, 0.66, 0.330),
    ("EG", "2010 2011 2012", 12, 2, 40, 0.68, 0.270),
    ("SN", "22177 22178 22176", 12, 0, 25, 0.65, 0.270),
    ("AE", "97150 97155 97156", 12, 4, 25, 0.80, 0.100),
    # Of these only attackers request codes.
    ("AZ", "99450 99455", 12, 4, 0, 0.7, 0.400),
    ("LK", "9471 9477", 11, 5.5, 0, 0.7, 0.330),
    ("UZ", "99890 99891", 12, 5, 0, 0.7, 0.350),
    ("TN", "2162 2165", 11, 1, 0, 0.7, 0.290),
    ("KG", "99655 99670", 12, 6, 0, 0.7, 0.310),
    ("JO", "96277 96279", 12, 3, 0, 0.7, 0.250),
)
COUNTRIES = {row[0]: Country(row[0], tuple(row[1].split()), *row[2:]) for row in _ROWS}
EXPENSIVE = ("AZ", "LK", "UZ", "TN", "KG", "JO", "BD", "PK")


def seeded(seed: str) -> random.Random:
    """Return a source of random values that is the same for the same *seed*."""
    return random.Random(seed)  # noqa: S311 - a day must be repeatable


def block_of(number: str) -> str:
    """Return the block of a number in E.164."""
    return number[:-BLOCK_DIGITS]


def usd_of(number: str) -> float:
    """Return the price of a message to *number*."""
    return country_of(number).usd


def country_of(number: str) -> Country:
    """Return the country of *number*."""
    digits = number.removeprefix("+")
    return next(
        country
        for country in COUNTRIES.values()
        if digits.startswith(country.prefixes) and len(digits) == country.digits
    )


def random_block(rng: random.Random, code: str, *, crowded: bool = True) -> str:
    """Return a block of a country.

    Args:
        rng: Selects the block.
        code: ISO 3166 code of the country.
        crowded: Whether some blocks are more likely, as those of good people are.
    """
    country = COUNTRIES[code]
    while True:
        prefix = rng.choice(country.prefixes)
        width = country.digits - BLOCK_DIGITS - len(prefix)
        # Half of the people are in a tenth of the blocks.
        share = rng.random() ** 3 if crowded else rng.random()
        place = int(share * min(10**width, 400)) if crowded else int(share * 10**width)
        # The stride distributes the crowded blocks over the range.
        block = f"+{prefix}{place * 7_919 % 10**width:0{width}}"
        if _is_mobile(f"{block}1234", code):
            return block


def number_in(rng: random.Random, block: str) -> str:
    """Return a random mobile number of *block*."""
    while True:
        number = f"{block}{rng.randrange(10**BLOCK_DIGITS):0{BLOCK_DIGITS}}"
        if _is_mobile(number):
            return number


def address_in(rng: random.Random, code: str) -> str:
    """Return an IP address of a country."""
    first = 20 + list(COUNTRIES).index(code)
    return f"{first}.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randrange(1, 255)}"


def _is_mobile(number: str, code: str | None = None) -> bool:
    """Return whether *number* is a mobile one, of the country *code* if it is set."""
    parsed = phonenumbers.parse(number)
    if phonenumbers.number_type(parsed) not in _MOBILE:
        return False
    return code in {None, phonenumbers.region_code_for_number(parsed)}
