"""Conversion between Python values and the arguments and replies of Lua scripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from otp_engine.domain.limits.limits import Limit, LimitHit, WindowUsage
from otp_engine.domain.models import Channel
from otp_engine.domain.policy.policy import Policy


def to_ms(duration: timedelta) -> int:
    """Return a duration in milliseconds."""
    return round(duration.total_seconds() * 1000)


def to_epoch_ms(moment: datetime) -> int:
    """Return a time in milliseconds since 1970."""
    return int(moment.timestamp() * 1000)


def from_epoch_ms(milliseconds: int) -> datetime:
    """Return the time in UTC, from milliseconds since 1970."""
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC)


def to_fields(pairs: Sequence[bytes]) -> dict[bytes, bytes]:
    """Return the fields of a hash, from a list of each field and its value."""
    return dict(zip(pairs[::2], pairs[1::2], strict=True))


# Limits come from the policy and from services, so there are few.
@lru_cache(maxsize=256)
def encode_limit(limit: Limit) -> str:
    """Return the windows of a limit as text: `5/600000 10/86400000`."""
    return " ".join(
        f"{window.count}/{to_ms(window.period)}" for window in limit.windows
    )


@lru_cache(maxsize=256)
def encode_shared_limit(limit: Limit) -> str:
    """Return a limit as `encode_limit`, with the prefix `shadow` in shadow mode."""
    windows = encode_limit(limit)
    return f"shadow {windows}" if limit.in_shadow else windows


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyArguments:
    """The values of a policy as arguments of scripts; durations are milliseconds."""

    ttl: int
    resend_cooldown: int
    max_checks: int
    sends: str
    shadow_sends: str
    failed_checks: str
    consecutive_failures: str


# By identity, because the hash of a policy costs more than the rest of a look-up. Each
# value keeps its policy, so that no other object gets the same identity.
_encoded: dict[tuple[int, bool], tuple[Policy, PolicyArguments]] = {}
_MAX_ENCODED = 256  # there is one policy at a time, with a variant for each service


def decode_channel(name: bytes) -> Channel:
    """Return a stored channel; one that only a later release knows counts as SMS."""
    text = name.decode()
    return Channel(text) if text in set(Channel) else Channel.SMS


def encode_policy(policy: Policy, *, bound: bool) -> PolicyArguments:
    """Return the arguments for a verification that is *bound*, or for another one.

    A bound verification does not count against the failed checks of its phone.
    """
    key = (id(policy), bound)
    if found := _encoded.get(key):
        return found[1]
    failed_checks = Limit() if bound else policy.failed_checks_per_phone
    arguments = PolicyArguments(
        ttl=to_ms(policy.ttl),
        resend_cooldown=to_ms(policy.resend_cooldown),
        max_checks=policy.checks_allowed(bound=bound),
        sends=encode_limit(policy.sends_per_phone.enforced),
        shadow_sends=encode_limit(policy.sends_per_phone.shadow),
        failed_checks=encode_limit(failed_checks),
        consecutive_failures=encode_limit(policy.consecutive_failures),
    )
    if len(_encoded) >= _MAX_ENCODED:
        _encoded.clear()
    _encoded[key] = (policy, arguments)
    return arguments


def decode_usage(
    hit: LimitHit, over: int, values: Sequence[int], at: int = 0
) -> list[WindowUsage]:
    """Return the usage of each window of a limit.

    Args:
        hit: The limit of *values*.
        over: 1 if a limit in shadow mode would refuse, else 0.
        values: `{used, ms, used, ms, ...}` from a script.
        at: The time of the reading, in milliseconds since 1970; 0 if it is unknown.
    """
    return [
        WindowUsage(
            limit_name=hit.limit_name,
            window=window,
            used=used,
            resets_in=timedelta(milliseconds=wait),
            would_refuse=bool(over),
            read_at=at,
            identifier=hit.identifier,
            is_near=used == window.nearly_full,
        )
        for window, used, wait in zip(
            hit.limit.windows, values[::2], values[1::2], strict=True
        )
    ]
