"""The safe list: phone numbers that are allowed whatever their country."""

from __future__ import annotations

from otp_engine.store import keys
from otp_engine.store.redis_client import RedisClient


class RedisSafeList:
    """Stores `otp:{safe_list}`; implements `domain.ports.SafeListStore`."""

    def __init__(self, client: RedisClient) -> None:
        """Store the safe list in Redis.

        Args:
            client: Executes the commands.
        """
        self._client = client

    def add(self, phone: str) -> bool:
        """Add a pseudonymized phone number.

        Returns:
            Whether it is new in the list.
        """
        return bool(
            self._client.execute(
                lambda redis: redis.sadd(keys.SAFE_LIST, phone), keys.SAFE_LIST
            )
        )

    def contains(self, phone: str) -> bool:
        """Return whether the list contains a pseudonymized phone number."""
        return bool(
            self._client.execute(
                lambda redis: redis.sismember(keys.SAFE_LIST, phone), keys.SAFE_LIST
            )
        )

    def is_empty(self) -> bool:
        """Return whether the list has no number."""
        return not self._client.execute(
            lambda redis: redis.exists(keys.SAFE_LIST), keys.SAFE_LIST
        )

    def remove(self, phone: str) -> bool:
        """Remove a pseudonymized phone number.

        Returns:
            Whether the list contained it.
        """
        return bool(
            self._client.execute(
                lambda redis: redis.srem(keys.SAFE_LIST, phone), keys.SAFE_LIST
            )
        )
