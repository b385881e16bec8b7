"""The limits that all requests of a country, a key or the service share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from otp_engine.domain.limits.limits import Limit, LimitHit
from otp_engine.domain.limits.limits_by_name import LimitByName
from otp_engine.domain.models import Channel
from otp_engine.domain.policy.policy import Policy


def shared_hits(
    countries: Iterable[str],
    clients: Iterable[str],
    channels: Iterable[Channel],
    policy: Policy,
    *,
    max_names: int | None = None,
) -> Iterator[LimitHit]:
    """Yield a hit of each enforced limit with a known identifier.

    Args:
        countries: Countries that have no limit of their own.
        clients: Names of API keys that have no limit of their own.
        channels: The channels that the configured providers have.
        policy: The policy.
        max_names: The number of names of each value; None for all.
    """
    limits: list[tuple[str, str, Limit]] = [
        ("sends_total", "", policy.sends_total),
        ("failed_checks_total", "", policy.failed_checks_total),
    ]
    names: dict[str, Iterable[str]] = {
        "sends_per_country": countries,
        "sends_per_prefix": (),
        "sends_per_channel": (offered := list(channels)),
        "sends_per_network": (),
        "sends_per_key": (clients := list(clients)),
        "checks_per_key": clients,
    }
    if Channel.CALL in offered:
        limits.append(("calls_total", "", policy.calls_total))
        names["calls_per_country"] = countries
    for value, others in names.items():
        limit: LimitByName = getattr(policy, value)
        own = (name for name, _ in limit.by_name[:max_names])
        limits += [
            (value, name, limit.for_name(name))
            for name in dict.fromkeys([*others, *own])
        ]
    for name, identifier, windows in limits:
        if windows.enforced:
            yield LimitHit(name, identifier, windows.enforced)
