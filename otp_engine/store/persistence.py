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


def factor_warnings(info: Mapping[str, Any], *, appendfsync: str | None) -> list[str]:
    """Return the settings of Redis that can lose factors.

    A lost verification is over in minutes, and a recipient requests a new code. A lost
    factor never comes back: its owner has to enroll an authenticator app again.

    Args:
        info: The reply to `INFO`.
        appendfsync: That setting of Redis; None if Redis does not show it.

    Returns:
        One sentence a setting, with its effect and what to change.
    """
    warnings = []
    policy = info.get("maxmemory_policy", "noeviction")
    if policy.startswith("allkeys"):
        warnings.append(
            f"Redis can evict authenticator apps ({policy}), and their owners have to"
            " enroll again: set maxmemory-policy noeviction"
        )
    if not info.get("aof_enabled"):
        warnings.append(
            "Redis has no append-only file, so a restart loses the authenticator apps"
            " that were enrolled after its last snapshot: set appendonly yes"
        )
    elif appendfsync is None:
        warnings.append(
            "Redis does not show appendfsync to this user: with `no` it can lose"
            " authenticator apps of the last half minute, so make sure that it is"
            " always"
        )
    elif appendfsync == "no":
        warnings.append(
            "Redis can lose authenticator apps that were enrolled in the last half"
            " minute (appendfsync no): set appendfsync always"
        )
    if not info.get("connected_slaves", 0):
        warnings.append(
            "Redis has no replica, and a lost disk loses every authenticator app."
            " Nothing here shows whether there is a backup:"
            " docs/backup-and-upgrade.md has its steps"
        )
    return warnings
