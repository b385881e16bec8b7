"""Warnings about a Redis that can lose data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def persistence_warnings(info: Mapping[str, Any], *, replicas: int) -> list[str]:
    """Return the settings of Redis that can lose attempts, limits or used codes.

    Args:
        info: The reply to `INFO`.
        replicas: Number of replicas that must acknowledge each write.

    Returns:
        One sentence a setting, with what to change.
    """
    warnings = []
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        warnings.append(
            f"Redis evicts keys ({policy}): set maxmemory-policy noeviction"
        )
    if not info.get("aof_enabled"):
        warnings.append("Redis loses data at a restart: set appendonly yes")
    if info.get("connected_slaves", 0) < replicas:
        warnings.append(
            f"Redis has fewer than {replicas} replicas, so requests get 503: add"
            " replicas, or lower OTP_REDIS_WAIT_REPLICAS"
        )
    return warnings
