"""Twilio's names for things: two letters and 32 hexadecimal digits."""

from __future__ import annotations

import re

_SHAPE = re.compile(r"[A-Z]{2}[0-9a-fA-F]{32}", re.ASCII)


def is_one(text: str, prefix: str) -> bool:
    """Whether *text* is the name of such a thing."""
    return text.startswith(prefix) and bool(_SHAPE.fullmatch(text))
