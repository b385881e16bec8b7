"""Finds the primary again that Sentinel names."""

from __future__ import annotations

from contextlib import suppress

from redis.exceptions import RedisError
from redis.sentinel import SentinelConnectionPool

from otp_engine.store.connection import Client


def find_primary(client: Client) -> None:
    """Ask Sentinel for the primary, and close idle connections to any other server.

    A primary that stood still, or was cut off, takes writes for some seconds after
    Sentinel has promoted another; only the replicas, which have left it, show that.
    """
    pool = getattr(client, "connection_pool", None)
    if isinstance(pool, SentinelConnectionPool):
        with suppress(RedisError):
            pool.get_master_address()
