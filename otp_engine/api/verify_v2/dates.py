"""Times as Verify writes them."""

from __future__ import annotations

from datetime import datetime


def seconds(moment: datetime) -> str:
    """ISO 8601 in UTC without a fraction, which Twilio's Python SDK cannot read."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def milliseconds(moment: datetime) -> str:
    """The same with milliseconds, as in `send_code_attempts`."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"
