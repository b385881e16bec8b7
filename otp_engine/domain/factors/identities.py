"""Identities: the names that clients give to their entities."""

from __future__ import annotations

import re

from otp_engine.errors import InvalidIdentity

_IDENTITY = re.compile(r"[A-Za-z0-9-]{8,64}", re.ASCII)
# The lengths of a national number with its calling code (ITU-T E.164).
_PHONE_NUMBER = re.compile(r"-*(?:[0-9]-*){10,15}", re.ASCII)


def parse(text: str) -> str:
    """Parse an identity, in which upper and lower case differ.

    Identities are in URLs, which other programs log. So digits that could be a phone
    number are refused, and the pattern excludes e-mail addresses.

    Raises:
        InvalidIdentity: The text is not 8 to 64 letters, digits and dashes, or it
            consists of 10 to 15 digits.
    """
    if not _IDENTITY.fullmatch(text) or _PHONE_NUMBER.fullmatch(text):
        raise InvalidIdentity
    return text
