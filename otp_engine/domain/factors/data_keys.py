"""The data key of this deployment, decrypted once and cached."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from otp_engine.crypto.factor_keys import DataKey, FactorKey, generate_data_key
from otp_engine.domain.factors.ports import DataKeyStore
from otp_engine.errors import DataKeyLost, FactorsUnreadable

log = logging.getLogger(__name__)

_MAX_AGE = 60.0  # seconds

_UNREADABLE = "OTP_FACTOR_KEY does not decrypt the data key in Redis"
_LOST = "Redis has lost the data key, and a second one is not created"


@dataclass(frozen=True, slots=True)
class _Cached:
    """A data key with its stored form, read at *read_at* in monotonic seconds."""

    encrypted: bytes
    data_key: DataKey
    read_at: float


class DataKeys:
    """Returns the data key, and creates it before the first write.

    The key is read again after a minute and before each write. So a process never
    writes with a data key that Redis does not have, such as after a restored backup.
    While Redis has lost the key, a process that has cached it stores it again, and the
    others refuse: a second key would make every stored factor look deleted.
    """

    def __init__(
        self,
        store: DataKeyStore,
        factor_keys: Sequence[FactorKey],
        *,
        random_bytes: Callable[[int], bytes],
        clock: Callable[[], float],
    ) -> None:
        """Start without a cached key.

        Args:
            store: Stores the encrypted data key.
            factor_keys: The current factor key, then the previous one during a
                rotation.
            random_bytes: Returns a number of unpredictable bytes.
            clock: Returns monotonic seconds.
        """
        self._store = store
        self._factor_keys = factor_keys
        self._random_bytes = random_bytes
        self._clock = clock
        self._cached: _Cached | None = None
        self._confirmed: bytes | None = None
        self._has_logged = False

    def get(self) -> DataKey | None:
        """Return the data key; None before the first write, when no factor exists.

        Raises:
            FactorsUnreadable: No factor key decrypts it, or Redis has lost it.
            StoreUnavailable: Redis did not reply.
        """
        cached = self._cached
        if cached and self._clock() - cached.read_at < _MAX_AGE:
            return cached.data_key
        encrypted = self._read()
        if encrypted is None:
            return cached.data_key if cached else None
        return self._decrypt(encrypted)

    def get_or_create(self) -> DataKey:
        """Return the data key, for a write.

        Of two processes that create it at once, both use the one that Redis stored
        first. A key that Redis has lost is stored again. A process writes a key once
        that another one has stored: the replicas may not have it, and a failover to
        one of them would lose every factor that it encrypts.

        Raises:
            FactorsUnreadable: No factor key decrypts it, or Redis has lost it; a second
                one is never created.
            StoreUnavailable: Redis did not reply.
        """
        encrypted = self._read()
        if encrypted is not None and encrypted == self._confirmed:
            return self._decrypt(encrypted)
        if encrypted is not None:
            data_key = self._decrypt(encrypted)
        else:
            cached = self._cached
            data_key = (
                cached.data_key if cached else generate_data_key(self._random_bytes)
            )
            encrypted = self._factor_keys[0].encrypt_data_key(data_key)
        self._confirmed = None
        self._confirmed = self._store.add(encrypted, data_key.fingerprint)
        return self._decrypt(self._confirmed)

    def _read(self) -> bytes | None:
        """Return the stored data key; None without one, or if only the cache has it."""
        try:
            return self._store.get()
        except DataKeyLost:
            if self._cached:
                return None
            self._log_once(_LOST)
            raise

    def _log_once(self, problem: str) -> None:
        if not self._has_logged:
            self._has_logged = True
            log.error("%s: requests of factors get 503", problem)

    def _decrypt(self, encrypted: bytes) -> DataKey:
        cached = self._cached
        if cached and cached.encrypted == encrypted:
            data_key = cached.data_key
        else:
            data_key = self._decrypt_new(encrypted)
        self._cached = _Cached(encrypted, data_key, self._clock())
        return data_key

    def _decrypt_new(self, encrypted: bytes) -> DataKey:
        for factor_key in self._factor_keys:
            try:
                data_key = factor_key.decrypt_data_key(encrypted)
            except ValueError:
                continue
            self._has_logged = False
            return data_key
        self._log_once(_UNREADABLE)
        raise FactorsUnreadable
