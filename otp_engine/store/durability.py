"""Whether this Redis could forget what it must not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def doubts(facts: Mapping[str, Any], *, replicas: int) -> list[str]:
    """Say what could make Redis forget a guess, a limit or a used code.

    Args:
        facts: What its `INFO` says.
        replicas: How many must have a write before it is answered.
    """
    found = []
    if (policy := facts.get("maxmemory_policy", "noeviction")) != "noeviction":
        found.append(f"Redis evicts keys ({policy}): set maxmemory-policy noeviction")
    if not facts.get("aof_enabled"):
        found.append("Redis forgets at a restart: set appendonly yes")
    if facts.get("connected_slaves", 0) < replicas:
        found.append(f"Redis has fewer than {replicas} replicas: all will be 503")
    return found
