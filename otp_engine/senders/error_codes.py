"""Error codes of providers that are not known to this service."""

from __future__ import annotations

import re

_CODE = re.compile(r"[A-Za-z0-9_.-]{1,40}", re.ASCII)
# A code of a provider goes to metrics and events, where no phone number and no code of
# a message may be.
_MAX_DIGITS = 5


def parse(value: object) -> str | int | None:
    """Parse an error code.

    Args:
        value: The value that a provider gave.

    Returns:
        The code, as a number if it is one; None if it could be anything else.
    """
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    text = str(value)
    digits = sum(character.isdigit() for character in text)
    if not _CODE.fullmatch(text) or digits > _MAX_DIGITS:
        return None
    return int(text) if text.isdigit() else text
