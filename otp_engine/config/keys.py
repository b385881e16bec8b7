"""API keys: what a calling program holds, and what the service knows of it.

The service needs a secret only to recognise it, so a digest is enough. A key that we
make has 190 bits and needs no slow hash. A key that an operator made must have 128 bits
for the same reason; `bits` estimates them.
"""

from __future__ import annotations

import hashlib
import math
import re
import secrets
import string
import zlib
from dataclasses import dataclass, field

ANYBODY = "anybody"
"""What whoever has no key is called; no key may be."""

_PREFIX = "otp_live_"
_ALPHABET = string.ascii_letters + string.digits
_RANDOM, _CHECKSUM = 32, 6
_DIGESTED = re.compile(r"sha256:([0-9a-f]{64})", re.ASCII)
_LEAST_DIFFERENT = 8
# Alphabets from small to large; a secret counts by the first that has all of its
# letters and digits.
_ALPHABETS = (
    string.digits,
    string.digits + "abcdef",
    string.digits + "ABCDEF",
    string.digits + string.ascii_lowercase,
    string.digits + string.ascii_uppercase,
    _ALPHABET,
)

LEAST_BITS = 128
"""Of a secret: a digest of less could be searched by whoever reads the settings."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key by which a calling program is known.

    Attributes:
        name: What operators call the program.
        digest: SHA-256 of the secret.
        weak: Whether the secret has less than `LEAST_BITS`. Of a secret that is known
            by its digest only, nothing is known, and it is False.
    """

    name: str
    digest: bytes = field(repr=False)
    weak: bool = False


def digest(secret: str) -> bytes:
    """What is known of a secret."""
    return hashlib.sha256(secret.encode(errors="surrogateescape")).digest()


def read(name: str, secret: str) -> ApiKey:
    """Read a secret, or what `line` wrote of one."""
    if match := _DIGESTED.fullmatch(secret):
        return ApiKey(name, bytes.fromhex(match[1]))
    return ApiKey(name, digest(secret), weak=bits(secret) < LEAST_BITS)


def bits(secret: str) -> float:
    """Estimate the strength of *secret*: its length times the bits of its alphabet.

    Of a secret that repeats itself, only the part that is repeated has a length.

    The alphabet is the smallest of digits (10), hexadecimal digits of one case (16),
    digits and letters of one case (36) or of both (62); each different other character
    adds one. A secret with fewer than 8 different characters counts as 0 bits. It is an
    upper bound, exact for random characters: words and patterns have less.
    """
    characters = set(secret)
    if len(characters) < _LEAST_DIFFERENT:
        return 0
    plain = characters & set(_ALPHABET)
    alphabet = next(known for known in _ALPHABETS if plain <= set(known))
    return _period(secret) * math.log2(len(alphabet) + len(characters - plain))


def _period(secret: str) -> int:
    """Return the length of the shortest part that *secret* repeats.

    The last repetition may lack its end. A part counts as repeated if it is there twice
    or lacks one character of that: random characters also begin and end alike.
    """
    for length in range(1, (len(secret) + 1) // 2 + 1):
        if secret[length:] == secret[:-length]:
            return length
    return len(secret)


def new() -> str:
    """Make a secret, which nobody can guess, and which scanners of leaks can tell.

    It ends in a checksum, so that a mistyped or cut one is told from a revoked one.
    """
    body = "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM))
    return f"{_PREFIX}{body}{_checksum(body)}"


def is_whole(secret: str) -> bool:
    """Whether a secret that looks like ours is as it was made."""
    body, checksum = secret[len(_PREFIX) : -_CHECKSUM], secret[-_CHECKSUM:]
    return secret.startswith(_PREFIX) and checksum == _checksum(body)


def line(name: str, secret: str) -> str:
    """What stands in `OTP_API_KEYS` for a secret: enough to know it by."""
    return f"{name}:{known_by(secret)}"


def known_by(secret: str) -> str:
    """The same without a name."""
    return f"sha256:{digest(secret).hex()}"


def _checksum(body: str) -> str:
    number, written = zlib.crc32(body.encode()), ""
    for _ in range(_CHECKSUM):
        number, digit = divmod(number, len(_ALPHABET))
        written += _ALPHABET[digit]
    return written
