"""Phone numbers in forms, query strings and paths, where a plus can be lost.

In a form and in a query string `+` is the encoding of a space. A client that does not
encode its `+919445012345` sends a number with a space in front, which could be read as
a national number: that of another phone.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from otp_engine.domain.phones.numbers import PhoneNumber
from otp_engine.errors import InvalidPhone

_HEAD = re.compile(r"[^\w+\uff0b]*")
_MESSAGE = (
    "This is not a phone number. If it has a +, encode the + as %2B: in a form and in"
    " a query string, a + that is not encoded is a space."
)


def parse(text: str, parse_number: Callable[[str], PhoneNumber]) -> PhoneNumber:
    """Parse a number with a plus that may have become a space.

    Args:
        text: The decoded text.
        parse_number: Parses a number that has its plus, or is a national one.

    Raises:
        InvalidPhone: The text is not a number, or a space in front of it is the only
            difference between two numbers.
    """
    # Marks of direction and brackets can stand in front of a plus.
    number = _HEAD.sub("", text, count=1)
    if " " not in text.removesuffix(number) or not number[:1].isdecimal():
        return parse_number(text)
    international, national = (
        _parse_or_none(reading, parse_number) for reading in (f"+{text}", text)
    )
    if international is None or national not in {None, international}:
        raise InvalidPhone(_MESSAGE)
    return international


def _parse_or_none(
    text: str, parse_number: Callable[[str], PhoneNumber]
) -> PhoneNumber | None:
    try:
        return parse_number(text)
    except InvalidPhone:
        return None
