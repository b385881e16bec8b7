"""The pepper: a key that never enters Redis, and what is made with it.

Six digits hold a million values, so no hash alone can protect a stolen database:
whoever has it tries them all. What is mixed with the pepper first can only be tried
by somebody who has stolen the pepper as well. The same holds for phone numbers, of
which there are too few for a plain hash to hide one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

LEAST_BYTES = 32
_DIGEST_BYTES = 12


@dataclass(frozen=True, slots=True)
class Pepper:
    """A secret of at least 32 bytes."""

    secret: bytes = field(repr=False)

    def digest(self, kind: str, value: str) -> str:
        """Name *value* so that only a holder of the pepper can tell what it is.

        96 bits of HMAC-SHA256 in 16 URL-safe characters. *kind* keeps the digest of
        a phone from ever being the digest of an address.
        """
        tag = self._hmac(b"name", kind.encode(), value.encode())
        return base64.urlsafe_b64encode(tag[:_DIGEST_BYTES]).decode()

    def bind(self, code: str, *, verification: bytes, number: str) -> bytes:
        """Tie *code* to the one verification and number it was made for.

        The 32 bytes match no other verification (OWASP ASVS 5.0, 6.6.2) and are what
        Argon2id then hashes.
        """
        return self._hmac(b"code", verification, number.encode(), code.encode())

    def key(self, purpose: str) -> bytes:
        """A secret of 32 bytes for another *purpose*, which tells nothing of this."""
        return self._hmac(b"key", purpose.encode())

    def encrypt(self, data: bytes, *, context: bytes) -> bytes:
        """Encrypt and authenticate *data* (AES-256-SIV, RFC 5297).

        SIV needs no nonce: the same data in the same context gives the same
        ciphertext, and nothing else is revealed.

        Args:
            data: What to encrypt, at least one byte.
            context: What it is for. Data that was encrypted for another context cannot
                be decrypted.

        Returns:
            16 bytes more than *data*.
        """
        return self._cipher.encrypt(data, [context])

    def decrypt(self, data: bytes, *, context: bytes) -> bytes:
        """Decrypt what `encrypt` returned.

        Raises:
            ValueError: It was encrypted under another pepper or for another context, or
                was changed.
        """
        try:
            return self._cipher.decrypt(data, [context])
        except (InvalidTag, ValueError):
            raise ValueError("cannot be decrypted") from None

    @property
    def _cipher(self) -> AESSIV:
        return AESSIV(self.key("encryption 1") + self.key("encryption 2"))

    def _hmac(self, *parts: bytes) -> bytes:
        message = b"".join(len(part).to_bytes(2, "big") + part for part in parts)
        return hmac.digest(self.secret, message, hashlib.sha256)
