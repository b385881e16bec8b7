"""Twilio's names for things: two letters and 32 hexadecimal digits."""

from __future__ import annotations

import re
import secrets

_SHAPE = re.compile(r"[A-Z]{2}[0-9a-fA-F]{32}", re.ASCII)


def new(prefix: str) -> str:
    """Name something new."""
    return prefix + secrets.token_hex(16)


def is_one(text: str, prefix: str) -> bool:
    """Whether *text* is the name of such a thing."""
    return text.startswith(prefix) and bool(_SHAPE.fullmatch(text))


def of_verification(id: bytes) -> str:
    """The name of a verification."""
    return f"VE{id.hex()}"


def verification(sid: str) -> bytes:
    """The verification of that name."""
    return bytes.fromhex(sid.removeprefix("VE"))


def of_attempt(id: bytes, token: bytes) -> str:
    """The name of one send of a verification."""
    return f"VL{token.hex()}{id.hex()[:16]}"
