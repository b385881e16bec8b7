"""The page links that were opened: `otp:{<id>}:page_link`."""

from __future__ import annotations

from datetime import timedelta

from otp_engine.store import keys, lua_codec
from otp_engine.store.connection import RedisCommands
from otp_engine.store.redis_client import RedisClient

_OPENED_BY = "opened_by"


class RedisPageLinkStore:
    """Stores that a link was opened, until the link expires."""

    def __init__(self, client: RedisClient) -> None:
        """Store them in Redis.

        Args:
            client: Executes the commands.
        """
        self._client = client

    def open(self, link_id: str, *, idempotency_key: bytes, ttl: timedelta) -> bool:
        """Open a link once; see `PageLinkStore.open`.

        Raises:
            StoreUnavailable: Redis did not reply.
        """
        key = keys.page_link(link_id)

        def write(redis: RedisCommands) -> bytes | None:
            with redis.pipeline(transaction=True) as pipeline:
                pipeline.hsetnx(key, _OPENED_BY, idempotency_key)
                pipeline.pexpire(key, lua_codec.to_ms(ttl))
                pipeline.hget(key, _OPENED_BY)
                stored: bytes | None = pipeline.execute()[-1]
                return stored

        # A retry after a lost reply finds the key of the first attempt.
        return self._client.execute(write, key) == idempotency_key
