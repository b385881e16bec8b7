"""Error codes of providers that are not known to this service."""

from __future__ import annotations

import re

_CODE = re.compile(r"[A-Za-z0-9_.-]{1,40}", re.ASCII)
# A code of a provider goes to metrics and events, where no phone number and no code of
# a message may be.
_MAX_DIGITS = 5
# Each code is a label value of a metric, in each worker.
_MAX_CODES = 100


class ErrorCodes:
    """The error codes of one provider, of which at most 100 are kept apart.

    A provider that puts an id into its codes would have a time series for each message.
    """

    def __init__(self) -> None:
        self._seen: set[str | int] = set()

    def limit(self, code: str | int | None, message_code: str) -> str | int | None:
        """Return *code*; None if there were too many different ones.

        Args:
            code: The error code of a rejection.
            message_code: The code of the message, which no error code contains.
        """
        if code is None or message_code in str(code):
            return None
        if code in self._seen:
            return code
        if len(self._seen) >= _MAX_CODES:
            return None
        self._seen.add(code)
        return code


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
