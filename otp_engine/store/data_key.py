"""The encrypted data key: one small value, which every factor depends on."""

from __future__ import annotations

from otp_engine.errors import DataKeyLost
from otp_engine.store import keys
from otp_engine.store.lua_scripts import LuaScript
from otp_engine.store.redis_client import RedisClient


class RedisDataKeyStore:
    """Stores `otp:{factors}:data_key` and its fingerprint.

    Implements `domain.factors.ports.DataKeyStore`.
    """

    def __init__(self, client: RedisClient, *, replicas: int = 0) -> None:
        """Store the data key in Redis.

        Args:
            client: Executes the commands.
            replicas: Number of replicas that must acknowledge each write.
        """
        self._client = client
        self._add = LuaScript(client, "add_data_key", replicas=replicas)
        self._replace = LuaScript(client, "replace_data_key", replicas=replicas)
        self._reset = LuaScript(client, "reset_data_key", replicas=replicas)

    def get(self) -> bytes | None:
        """Return the encrypted data key; None if there never was one.

        Raises:
            DataKeyLost: Redis has its fingerprint only.
        """
        names = [keys.DATA_KEY, keys.DATA_KEY_FINGERPRINT]
        stored: bytes | None
        stored, fingerprint = self._client.execute(
            lambda redis: redis.mget(names), keys.DATA_KEY
        )
        if stored is None and fingerprint is not None:
            raise DataKeyLost
        return stored

    def add(self, encrypted: bytes, fingerprint: bytes) -> bytes:
        """Store the data key unless there is one.

        Args:
            encrypted: The encrypted data key.
            fingerprint: The fingerprint of the data key.

        Returns:
            The one that is stored now.

        Raises:
            DataKeyLost: Redis has the fingerprint of another data key only.
        """
        names = [keys.DATA_KEY, keys.DATA_KEY_FINGERPRINT]
        stored: bytes | None = self._add.run(names, encrypted, fingerprint)
        if stored is None:
            raise DataKeyLost
        return stored

    def replace(self, old: bytes, new: bytes) -> bool:
        """Replace the data key if it is still *old*.

        Returns:
            Whether *new* is stored now.
        """
        return bool(self._replace.run([keys.DATA_KEY], old, new))

    def reset(self, encrypted: bytes, fingerprint: bytes) -> None:
        """Store a data key in place of any other, also of one that was lost.

        Args:
            encrypted: The encrypted data key.
            fingerprint: The fingerprint of the data key.
        """
        names = [keys.DATA_KEY, keys.DATA_KEY_FINGERPRINT]
        self._reset.run(names, encrypted, fingerprint)
