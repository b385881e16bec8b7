"""The values of the policy in groups, for a page that lists all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

_T = TypeVar("_T")

_GROUPS: dict[str, tuple[str, ...]] = {
    "Codes and messages": ("code_length", "ttl", "max_", "resend_", "v2_", "fallback_"),
    "Limits of messages": ("sends_", "calls_", "vouched_"),
    "Limits of checks": ("failed_", "checks_", "auth_"),
    "Who and where": ("sending", "allowed_", "blocked_", "call_countries"),
    "Pumping guard": ("guard",),
    "Money and providers": ("budget", "routes", "slow_after"),
}
"""The starts of the names in each group."""


def grouped(values: Mapping[str, _T]) -> dict[str, dict[str, _T]]:
    """Return values of the policy by the titles of their groups.

    Args:
        values: The values by name.
    """
    groups: dict[str, dict[str, _T]] = {title: {} for title in [*_GROUPS, "Others"]}
    for name, value in values.items():
        titles = (title for title, starts in _GROUPS.items() if name.startswith(starts))
        groups[next(titles, "Others")][name] = value
    return {title: members for title, members in groups.items() if members}
