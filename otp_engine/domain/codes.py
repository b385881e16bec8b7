"""Generate codes, and parse the codes of check requests."""

from __future__ import annotations

import re
from collections.abc import Callable

import pyotp

from otp_engine import parsing
from otp_engine.errors import InvalidCode

_GENERATED = re.compile(r"[0-9]{4,10}", re.ASCII)
_CUSTOM = re.compile(r"[0-9A-Za-z]{4,10}", re.ASCII)
_SECRET_BYTES = 20  # RFC 4226, section 4, requirement 6: 160 bits recommended


def generate(length: int, random_bytes: Callable[[int], bytes]) -> str:
    """Generate a code.

    Each half consists of the last digits of one value of a new HOTP sequence (RFC
    4226). A value has 31 bits. Ten digits of one value could not start with a 3, and
    nine digits would make some codes half as likely again as others. Two halves of at
    most five digits are uniform to within 5 parts in 100,000.

    Args:
        length: Number of digits, 4 to 10.
        random_bytes: Returns a number of unpredictable bytes.
    """
    sequence = _Sequence(random_bytes(_SECRET_BYTES))
    halves = (length // 2, length - length // 2)
    return "".join(sequence.at(i)[-digits:] for i, digits in enumerate(halves))


class _Sequence(pyotp.HOTP):
    """A HOTP sequence without its secret in Base32, which only a QR code would need."""

    def __init__(self, secret: bytes) -> None:
        # The constructor reads the secret.
        self._secret = secret
        super().__init__("")

    def byte_secret(self) -> bytes:
        """Return the secret."""
        return self._secret


def parse(text: str) -> str:
    """Parse a generated code; `parsing.normalize_typed` lists what is ignored.

    Returns:
        The digits, in ASCII.

    Raises:
        InvalidCode: The text is not 4 to 10 decimal digits.
    """
    code = parsing.normalize_typed(text)
    if not _GENERATED.fullmatch(code):
        raise InvalidCode
    return code


def parse_custom(text: str) -> str:
    """Parse a generated or a custom code; `parsing.normalize_typed` applies.

    Returns:
        The ASCII digits and letters, in the case of the text.

    Raises:
        InvalidCode: The text is not 4 to 10 decimal digits and ASCII letters.
    """
    code = parsing.normalize_typed(text)
    if not _CUSTOM.fullmatch(code):
        raise InvalidCode
    return code
