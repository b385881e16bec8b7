"""Amounts of money, as whole micro-units of one currency.

A micro-unit is a millionth of the unit of the currency. Sums of whole numbers are
exact, and a Lua script of Redis adds them as exactly as Python up to 2^53.
"""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Decimal

MICRO = 1_000_000
"""Micro-units of one unit."""

MAX_UNITS = 999_999_999
"""The largest amount, in units. Sums of 26 such amounts are exact in a Lua script."""

_AMOUNT = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,20})?|\.[0-9]{1,20}", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)


def parse(text: str) -> int:
    """Parse an amount, such as `480` or `0.0083`, and round it up to a micro-unit.

    Returns:
        The amount in micro-units.

    Raises:
        ValueError: The text is not a number of digits, or it is too large.
    """
    if not _AMOUNT.fullmatch(text):
        raise ValueError(f"must be an amount such as 480 or 0.0083: {text!r}")
    amount = Decimal(text)
    if amount > MAX_UNITS:
        raise ValueError(f"must be at most {MAX_UNITS}: {text!r}")
    return int((amount * MICRO).to_integral_value(ROUND_CEILING))


def format_amount(micro_units: int) -> str:
    """Return an amount as text, with at least two decimals if it has any."""
    units, rest = divmod(micro_units, MICRO)
    if not rest:
        return str(units)
    decimals = f"{rest:06}".rstrip("0")
    return f"{units}.{decimals:0<2}"


def parse_currency(text: str) -> str:
    """Parse the code of a currency (ISO 4217), such as `USD`.

    Raises:
        ValueError: The text is not three letters.
    """
    code = text.upper()
    if not _CURRENCY.fullmatch(code):
        raise ValueError(f"must be a currency of three letters, such as USD: {text!r}")
    return code
