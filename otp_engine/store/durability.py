"""Whether this Redis could forget what it must not."""

from __future__ import annotations

from otp_engine.store.connection import Client, refusals_as_unavailable


def doubts(client: Client, *, replicas: int) -> list[str]:
    """Say what could make Redis forget a guess, a limit or a used code.

    Args:
        client: The Redis in question; of a Cluster, one node is asked.
        replicas: How many must have an approval before it is answered.

    Raises:
        StoreUnavailable: Redis did not answer.
    """
    with refusals_as_unavailable():
        if default := getattr(client, "get_default_node", None):
            client = client.get_redis_connection(default())
        facts = client.info()
    found = []
    if (policy := facts.get("maxmemory_policy", "noeviction")) != "noeviction":
        found.append(f"Redis evicts keys ({policy}): set maxmemory-policy noeviction")
    if not facts.get("aof_enabled"):
        found.append("Redis forgets at a restart: set appendonly yes")
    if facts.get("connected_slaves", 0) < replicas:
        found.append(f"Redis has fewer than {replicas} replicas: approvals will be 503")
    return found
