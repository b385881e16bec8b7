"""Secret keys, and the values computed with them.

Each kind of key has its own secret, so a value of one kind means nothing to another.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

MIN_BYTES = 32
_PSEUDONYM_BYTES = 12


@dataclass(frozen=True, slots=True)
class MacKey:
    """A secret of at least 32 bytes, for message authentication codes only."""

    secret: bytes = field(repr=False)
    _mac: HMAC = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_mac", HMAC(self.secret, SHA256()))

    def _hmac(self, *parts: bytes) -> bytes:
        """Return the MAC of *parts*, each after its length, so that none can shift."""
        message = b""
        for part in parts:
            message += len(part).to_bytes(2, "big") + part
        # A copy costs a third of a new MAC. `hmac.digest` also releases the interpreter
        # lock, and a busy process gets it back late.
        mac = self._mac.copy()
        mac.update(message)
        return mac.finalize()


@dataclass(frozen=True, slots=True)
class SecretKey(MacKey):
    """A secret of at least 32 bytes, which also encrypts."""

    _cipher: AESSIV = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # `super()` without arguments fails in a dataclass with slots.
        MacKey.__post_init__(self)
        parts = ("encryption 1", "encryption 2")
        cipher = AESSIV(b"".join(map(self.derive_key, parts)))
        object.__setattr__(self, "_cipher", cipher)

    def __reduce__(self) -> tuple[type[Self], tuple[bytes]]:
        # Workers get the settings of their parent, and a cipher cannot be pickled.
        return type(self), (self.secret,)

    def pseudonymize(self, kind: str, value: str) -> str:
        """Replace *value* by a keyed hash, 96 bits of HMAC-SHA256.

        Args:
            kind: What the value is. Equal values of two kinds get different pseudonyms.
            value: A phone number, a network address or the like.

        Returns:
            16 URL-safe characters.
        """
        mac = self._hmac(b"name", kind.encode(), value.encode())
        return base64.urlsafe_b64encode(mac[:_PSEUDONYM_BYTES]).decode()

    def derive_key(self, purpose: str) -> bytes:
        """Derive a key of 32 bytes for *purpose*, which does not reveal the secret."""
        return self._hmac(b"key", purpose.encode())

    def encrypt(self, data: bytes, *, context: bytes) -> bytes:
        """Encrypt and authenticate *data* (AES-256-SIV, RFC 5297).

        SIV needs no nonce: equal data in equal contexts gives equal ciphertexts, and
        nothing else is revealed.

        Args:
            data: The plaintext, at least one byte.
            context: What the data is for. Only the same context decrypts it.

        Returns:
            16 bytes more than *data*.
        """
        return self._cipher.encrypt(data, [context])

    def decrypt(self, data: bytes, *, context: bytes) -> bytes:
        """Decrypt a ciphertext of `encrypt`.

        Args:
            data: The ciphertext.
            context: The context that it was encrypted for.

        Raises:
            ValueError: It was encrypted with another key or for another context, or
                was changed.
        """
        try:
            return self._cipher.decrypt(data, [context])
        except (InvalidTag, ValueError):
            raise ValueError("cannot be decrypted") from None
