"""Recovery codes: each takes the place of an authenticator app once.

A code has 50 random bits, so it is hashed like a code of a message (NIST SP 800-63B-4,
3.1.2.2, look-up secrets). The hash depends on a key in the encrypted record of the
factor and not on the pepper: it lasts for years, so neither a rotation of the pepper
nor a move to another Redis may end it. All codes of a factor share one salt, so that a
check costs one hash.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from otp_engine import parsing
from otp_engine.crypto.argon2 import HASH_BYTES, Argon2Parameters
from otp_engine.errors import InvalidCode

COUNT = 10
"""Recovery codes of a factor."""

SALT_BYTES = 16  # RFC 9106, section 4

# Crockford's Base32: no letter looks like a digit or like another letter.
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_AS_TYPED = str.maketrans("oilu", "011v")
_LENGTH = 10
_CODE = re.compile(f"[{_ALPHABET}]{{{_LENGTH}}}", re.ASCII)
_CODE_BITS = 5 * _LENGTH
_GROUP = _LENGTH // 2


def generate(random_bytes: Callable[[int], bytes]) -> list[str]:
    """Generate the recovery codes of a factor, as `parse` returns them.

    Args:
        random_bytes: Returns a number of unpredictable bytes.
    """
    return [_generate_one(random_bytes) for _ in range(COUNT)]


def format_code(code: str) -> str:
    """Return a code as people read it: `7k2pd-9xw4m`."""
    return f"{code[:_GROUP]}-{code[_GROUP:]}"


def parse(text: str) -> str:
    """Parse a recovery code as a person types it.

    Upper case and look-alike letters are accepted; `parsing.normalize_typed` lists what
    is ignored.

    Returns:
        Ten lower-case letters and digits.

    Raises:
        InvalidCode: The text is not a recovery code.
    """
    code = parsing.normalize_typed(text).lower().translate(_AS_TYPED)
    if not _CODE.fullmatch(code):
        raise InvalidCode(
            "A recovery code is 10 letters and digits. This was not counted as an"
            " attempt."
        )
    return code


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryHashes:
    """The hashes of the recovery codes of one factor.

    Attributes:
        argon2: The Argon2 parameters.
        salt: The salt of all codes, 16 bytes.
        hashes: The hashes of the codes that are left, 32 bytes each.
    """

    argon2: Argon2Parameters
    salt: bytes
    hashes: Sequence[bytes] = field(default=(), repr=False)

    @classmethod
    def decode(cls, stored: bytes) -> RecoveryHashes:
        """Return the hashes from their stored form.

        Args:
            stored: The result of `encode`, perhaps with fewer hashes.
        """
        header, _, hashes = stored.partition(b"\n")
        argon2, _, salt = header.decode().partition(" ")
        starts = range(0, len(hashes), HASH_BYTES)
        return cls(
            argon2=Argon2Parameters.parse(argon2),
            salt=bytes.fromhex(salt),
            hashes=[hashes[start : start + HASH_BYTES] for start in starts],
        )

    def encode(self) -> bytes:
        """Return the Argon2 parameters, the salt, a line feed and the hashes."""
        header = f"{self.argon2} {self.salt.hex()}\n"
        return header.encode() + b"".join(self.hashes)

    def find(self, code_hash: bytes) -> bytes | None:
        """Return the stored hash that equals *code_hash*, if one does."""
        # A list, so that a match of the first hash takes as long as one of the last.
        matches = [hmac.compare_digest(code_hash, each) for each in self.hashes]
        return self.hashes[matches.index(True)] if any(matches) else None


def _generate_one(random_bytes: Callable[[int], bytes]) -> str:
    size = -(-_CODE_BITS // 8)
    value = int.from_bytes(random_bytes(size)) >> (8 * size - _CODE_BITS)
    return "".join(_ALPHABET[value >> 5 * i & 31] for i in range(_LENGTH))
