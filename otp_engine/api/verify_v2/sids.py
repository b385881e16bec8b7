"""Twilio's names for our things, and our things by those names."""

from __future__ import annotations

import secrets

from otp_engine.parsing import is_sid as is_one

__all__ = ["is_one", "new", "of_attempt", "of_verification", "verification"]


def new(prefix: str) -> str:
    """Name something new."""
    return prefix + secrets.token_hex(16)


def of_verification(id: bytes) -> str:
    """The name of a verification."""
    return f"VE{id.hex()}"


def verification(sid: str) -> bytes:
    """The verification of that name."""
    return bytes.fromhex(sid.removeprefix("VE"))


def of_attempt(id: bytes, token: bytes) -> str:
    """The name of one send of a verification."""
    return f"VL{token.hex()}{id.hex()[:16]}"
