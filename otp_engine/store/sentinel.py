"""The lookup of the primary in Sentinel."""

from __future__ import annotations

from contextlib import suppress

from redis.exceptions import RedisError
from redis.sentinel import SentinelConnectionPool

from otp_engine.store.connection import Client


def refresh_primary(client: Client) -> None:
    """Look the primary up in Sentinel, and close idle connections to other servers.

    A primary that paused or was cut off accepts writes for some seconds after Sentinel
    has promoted another. Only missing acknowledgements of its replicas show that.

    Args:
        client: Any client; only one that uses Sentinel is changed.
    """
    pool = getattr(client, "connection_pool", None)
    if isinstance(pool, SentinelConnectionPool):
        with suppress(RedisError):
            pool.get_master_address()
