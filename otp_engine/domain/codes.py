"""A code: digits that nobody can foresee, and what a person may type for them."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable

import pyotp

from otp_engine import parsing
from otp_engine.errors import InvalidCode

_TYPED = re.compile(r"[0-9]{4,10}", re.ASCII)
_CUSTOM = re.compile(r"[0-9A-Za-z]{4,10}", re.ASCII)
_SECRET_BYTES = 20  # RFC 4226, section 4, requirement 6: 160 bits recommended


def generate(length: int, entropy: Callable[[int], bytes]) -> str:
    """Make a code of *length* digits from a secret that is then forgotten.

    Each half is the end of one value of a fresh HOTP sequence (RFC 4226). A whole
    value holds 31 bits: cut to ten digits it could never begin with a 3, and cut to
    nine it would favour some codes by half. Two halves of at most five digits are
    even to within 5 parts in 100,000.
    """
    sequence = pyotp.HOTP(base64.b32encode(entropy(_SECRET_BYTES)).decode())
    halves = (length // 2, length - length // 2)
    return "".join(sequence.at(i)[-digits:] for i, digits in enumerate(halves))


def parse(text: str) -> str:
    """Read what a person typed, leaving out spaces and dashes.

    Raises:
        InvalidCode: It is not 4 to 10 of the digits 0 to 9.
    """
    code = parsing.strip_separators(text)
    if not _TYPED.fullmatch(code):
        raise InvalidCode
    return code


def parse_custom(text: str) -> str:
    """Read a code that may be one that a caller brought, letters included.

    Raises:
        InvalidCode: It is not 4 to 10 of the digits and the letters of ASCII.
    """
    code = parsing.strip_separators(text)
    if not _CUSTOM.fullmatch(code):
        raise InvalidCode
    return code
