"""The keys of factors: the operator's, the one that it encrypts, and those of apps.

A secret of a factor has to be read again for each check, so it is encrypted and not
hashed. The data key encrypts all of them, and is stored in Redis, encrypted with the
factor key. A rotation of the factor key therefore encrypts one value again, and the
names of Redis keys stay as they are.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from otp_engine.crypto.secret_keys import MIN_BYTES, MacKey, SecretKey

_CONTEXT = b"data key"
_FINGERPRINT_BYTES = 16


@dataclass(frozen=True, slots=True)
class DataKey(SecretKey):
    """The key of all data of factors, 32 random bytes."""

    @property
    def fingerprint(self) -> bytes:
        """What identifies the key and does not reveal it, 16 bytes."""
        return self.derive_key("fingerprint")[:_FINGERPRINT_BYTES]

    def webhook_secret(self, sid: str) -> str:
        """Return the secret that signs the posts to a webhook of a service.

        It is not stored, and a rotation of the factor key does not change it.

        Args:
            sid: SID of the webhook.

        Returns:
            43 URL-safe characters.
        """
        key = self.derive_key(f"service webhook {sid}")
        return base64.urlsafe_b64encode(key).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class RecoveryKey(MacKey):
    """The key of the recovery codes of one factor, 32 random bytes.

    It is in the encrypted record of the factor, so the hashes of the codes are useless
    without the data key, and go wherever the factor goes. It has no cipher, because
    each check of the factor reads its record, and a cipher costs 15 µs.
    """

    @classmethod
    def generate(cls, random_bytes: Callable[[int], bytes]) -> RecoveryKey:
        """Generate the key of a factor.

        Args:
            random_bytes: Returns a number of unpredictable bytes.
        """
        return cls(random_bytes(MIN_BYTES))

    def code_mac(self, code: str) -> bytes:
        """Return a MAC that binds a recovery code to its factor.

        Args:
            code: The code.

        Returns:
            32 bytes of HMAC-SHA256.
        """
        return self._hmac(b"recovery code", code.encode())


@dataclass(frozen=True, slots=True)
class FactorKey(SecretKey):
    """The operator's key, which encrypts the data key and nothing else."""

    def encrypt_data_key(self, data_key: DataKey) -> bytes:
        """Encrypt the data key, for the store."""
        return self.encrypt(data_key.secret, context=_CONTEXT)

    def decrypt_data_key(self, encrypted: bytes) -> DataKey:
        """Decrypt the stored data key.

        Raises:
            ValueError: Another factor key has encrypted it, or it was changed.
        """
        return DataKey(self.decrypt(encrypted, context=_CONTEXT))


def decrypt_data_key(keys: Iterable[FactorKey], encrypted: bytes) -> DataKey | None:
    """Decrypt the stored data key with the first key that can.

    Args:
        keys: The current factor key, then the previous one during a rotation.
        encrypted: The stored data key.

    Returns:
        None if none of the keys has encrypted it.
    """
    for key in keys:
        try:
            return key.decrypt_data_key(encrypted)
        except ValueError:
            continue
    return None


def generate_data_key(random_bytes: Callable[[int], bytes]) -> DataKey:
    """Generate a data key.

    Args:
        random_bytes: Returns a number of unpredictable bytes.
    """
    return DataKey(random_bytes(MIN_BYTES))
