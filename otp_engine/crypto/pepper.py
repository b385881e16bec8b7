"""The pepper: a secret key outside Redis, and the values computed with it.

A code of six digits has a million values, so a hash alone does not protect a stolen
database: an attacker hashes them all. With a pepper an attacker needs the pepper too.
The same holds for phone numbers: there are too few for a hash without a key.
"""

from __future__ import annotations

from dataclasses import dataclass

from otp_engine.crypto.secret_keys import SecretKey


@dataclass(frozen=True, slots=True)
class Pepper(SecretKey):
    """The key of codes, numbers and their pseudonyms."""

    def code_mac(self, code: str, *, verification_id: bytes, number: str) -> bytes:
        """Return a MAC that binds a code to its verification and number.

        Argon2id hashes this MAC, so a stored hash matches no other verification (OWASP
        ASVS 5.0, 6.6.2).

        Args:
            code: The code.
            verification_id: Id of the verification, 16 bytes.
            number: The number in E.164.

        Returns:
            32 bytes of HMAC-SHA256.
        """
        return self._hmac(b"code", verification_id, number.encode(), code.encode())
