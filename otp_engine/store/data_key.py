"""The encrypted data key: one small value, which every factor depends on."""

from __future__ import annotations

from otp_engine.store import keys
from otp_engine.store.lua_scripts import LuaScript
from otp_engine.store.redis_client import RedisClient


class RedisDataKeyStore:
    """Stores `otp:{factors}:data_key`.

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

    def get(self) -> bytes | None:
        """Return the encrypted data key; None if there is none."""
        stored: bytes | None = self._client.execute(
            lambda redis: redis.get(keys.DATA_KEY), keys.DATA_KEY
        )
        return stored

    def add(self, encrypted: bytes) -> bytes:
        """Store the data key unless there is one.

        Returns:
            The one that is stored now.
        """
        stored: bytes = self._add.run([keys.DATA_KEY], encrypted)
        return stored

    def replace(self, old: bytes, new: bytes) -> bool:
        """Replace the data key if it is still *old*.

        Returns:
            Whether *new* is stored now.
        """
        return bool(self._replace.run([keys.DATA_KEY], old, new))
