"""The delivery reports that were received: a provider may send one twice."""

from __future__ import annotations

from datetime import timedelta

from otp_engine.store import keys
from otp_engine.store.redis_client import RedisClient

_TTL = timedelta(days=1)


class SeenReports:
    """Stores `otp:{<message>}:delivery_report` for a day each."""

    def __init__(self, client: RedisClient) -> None:
        """Store the reports in Redis.

        Args:
            client: Executes the commands.
        """
        self._client = client

    def mark_seen(self, message_id: str) -> bool:
        """Store that the report on a message was received.

        Args:
            message_id: The provider's id of the message.

        Returns:
            Whether this is the first report on it.

        Raises:
            StoreUnavailable: Redis did not reply.
        """
        key = keys.delivery_report(message_id)
        return bool(
            self._client.execute(
                lambda redis: redis.set(key, b"", nx=True, px=_TTL), key
            )
        )
