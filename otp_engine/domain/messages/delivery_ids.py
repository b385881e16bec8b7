"""Delivery ids: what names a message towards providers.

A verification id is a secret of a bound verification, so it never reaches a provider or
a URL. A delivery id starts with a pseudonym of it, which finds the deliveries of the
verification, and ends with random bytes.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Callable

from otp_engine.crypto.pepper import Pepper

_TAG_DIGITS = 24
_RANDOM_BYTES = 8


def tag(pepper: Pepper, verification_id: bytes) -> str:
    """Return the first 24 hex digits of all delivery ids of a verification."""
    return urlsafe_b64decode(
        pepper.pseudonymize("delivery", verification_id.hex())
    ).hex()


def tag_of(delivery_id: str) -> str:
    """Return the part of a delivery id that names its verification."""
    return delivery_id[:_TAG_DIGITS]


def create(
    pepper: Pepper, verification_id: bytes, random_bytes: Callable[[int], bytes]
) -> str:
    """Return a new delivery id, 40 hex digits.

    Args:
        pepper: The pepper of the phone of the verification.
        verification_id: Id of the verification, 16 bytes.
        random_bytes: Returns as many unpredictable bytes as its argument.
    """
    return tag(pepper, verification_id) + random_bytes(_RANDOM_BYTES).hex()
