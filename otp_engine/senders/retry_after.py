"""The header `Retry-After` (RFC 9110, 10.2.3)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

_SECONDS = re.compile(r"[0-9]{1,9}", re.ASCII)


def parse(text: str, now: datetime) -> timedelta | None:
    """Return the time that a server requests.

    Args:
        text: The value of the header: seconds or a date.
        now: The current time in UTC.

    Returns:
        More than zero; None for another value.
    """
    if _SECONDS.fullmatch(text):
        return timedelta(seconds=int(text)) or None
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment - now if moment > now else None
