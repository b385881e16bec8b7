"""API keys: the secret of a client, and what the service stores of it.

The service only compares secrets, so it stores a digest of each. A generated key has
190 bits and needs no slow hash. A key from elsewhere must have 128 bits for the same
reason; `entropy_bits` estimates them.
"""

from __future__ import annotations

import hashlib
import math
import re
import secrets
import string
import zlib
from dataclasses import dataclass, field

ANONYMOUS_NAME = "anonymous"
"""The name of clients without a key. Reserved: no key can have it."""

NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
"""The names that keys can have."""

_PREFIX = "otp_live_"
_ALPHABET = string.ascii_letters + string.digits
_RANDOM_LENGTH, _CHECKSUM_LENGTH = 32, 6
_HASHED = re.compile(r"sha256:([0-9a-f]{64})", re.ASCII | re.IGNORECASE)
_LOOKS_HASHED = re.compile(
    r"\s*(\W?(sha[-_]?[0-9]{1,3}|md5|argon2[a-z]*|bcrypt|scrypt|pbkdf2[\w-]*)\W"
    r"|\$2[aby]\$)",
    re.ASCII | re.IGNORECASE,
)
_MIN_DISTINCT_CHARACTERS = 8
# From small to large. A secret uses the first one that has all of its letters and
# digits.
_ALPHABETS = (
    string.digits,
    string.digits + "abcdef",
    string.digits + "ABCDEF",
    string.digits + string.ascii_lowercase,
    string.digits + string.ascii_uppercase,
    _ALPHABET,
)

MIN_BITS = 128
"""Minimum strength of a secret: search can reverse the digest of a weaker one."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key that identifies a client.

    Attributes:
        name: The operator's name for the client.
        digest: SHA-256 of the secret.
        weak: Whether the secret has fewer than `MIN_BITS` bits. False for a key that is
            configured by its digest, because its strength is unknown.
    """

    name: str
    digest: bytes = field(repr=False)
    weak: bool = False


def is_valid_name(name: str) -> bool:
    """Return whether a key can have this name: 64 characters at most, none reserved."""
    return bool(NAME.fullmatch(name)) and name != ANONYMOUS_NAME


def digest(secret: str) -> bytes:
    """Return the SHA-256 digest of *secret*."""
    return hashlib.sha256(secret.encode(errors="surrogateescape")).digest()


def parse(name: str, text: str) -> ApiKey:
    """Parse a key from the settings.

    Args:
        name: The name of the client.
        text: The secret, or its digest as `hashed_form` writes it.

    Returns:
        The key, without its secret.

    Raises:
        ValueError: The text starts as a digest and is none. As a secret it would open
            the API to readers of the settings, and the real secret would not.
    """
    if match := _HASHED.fullmatch(text):
        return ApiKey(name, bytes.fromhex(match[1]))
    if _LOOKS_HASHED.match(text):
        raise ValueError(
            "has a digest of another form: write sha256: and 64 hexadecimal digits"
        )
    return ApiKey(name, digest(text), weak=entropy_bits(text) < MIN_BITS)


def entropy_bits(secret: str) -> float:
    """Estimate the strength of *secret*: its length times the bits of its alphabet.

    The alphabet is the smallest of digits (10), hexadecimal digits of one case (16),
    digits and letters of one case (36) or of both (62); each different other character
    adds one. A repeated part counts once. A secret with fewer than 8 different
    characters counts as 0 bits.

    Returns:
        An upper bound in bits, exact for random characters; words and patterns have
        less.
    """
    characters = set(secret)
    if len(characters) < _MIN_DISTINCT_CHARACTERS:
        return 0
    alphanumeric = characters & set(_ALPHABET)
    alphabet = next(known for known in _ALPHABETS if alphanumeric <= set(known))
    size = len(alphabet) + len(characters - alphanumeric)
    return _period(secret) * math.log2(size)


def _period(secret: str) -> int:
    """Return the length of the shortest part that *secret* repeats.

    The last repetition may be incomplete. A part counts as repeated if it occurs twice
    or lacks one character of that, because random characters also start and end alike.
    """
    for length in range(1, (len(secret) + 1) // 2 + 1):
        if secret[length:] == secret[:-length]:
            return length
    return len(secret)


def generate() -> str:
    """Return a new random secret with a prefix for secret scanners.

    It ends in a checksum, which distinguishes a mistyped key from a revoked one.
    """
    body = "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_LENGTH))
    return f"{_PREFIX}{body}{_checksum(body)}"


def checksum_valid(secret: str) -> bool:
    """Return whether *secret* has the prefix and the checksum of a generated key."""
    body = secret[len(_PREFIX) : -_CHECKSUM_LENGTH]
    checksum = secret[-_CHECKSUM_LENGTH:]
    return secret.startswith(_PREFIX) and checksum == _checksum(body)


def env_entry(name: str, secret: str) -> str:
    """Return the entry of `OTP_API_KEYS` for *secret*: its name and its digest."""
    return f"{name}:{hashed_form(secret)}"


def hashed_form(secret: str) -> str:
    """Return the digest of *secret* in the form that `parse` accepts."""
    return f"sha256:{digest(secret).hex()}"


def _checksum(body: str) -> str:
    number, text = zlib.crc32(body.encode()), ""
    for _ in range(_CHECKSUM_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        text += _ALPHABET[digit]
    return text
