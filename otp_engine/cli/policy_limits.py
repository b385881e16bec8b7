"""Warnings about a change of limits: one that is full at once, and one that ends."""

from __future__ import annotations

from collections.abc import Iterator

from otp_engine.config import Settings
from otp_engine.domain.limits.limits import Limit, LimitHit
from otp_engine.domain.phones import numbers
from otp_engine.domain.policy.policy import PARSERS, Policy
from otp_engine.domain.ports import LimitUsageStore


def full_warnings(
    store: LimitUsageStore, settings: Settings, old: Policy, new: Policy
) -> list[str]:
    """Return a sentence for each changed window that is full already.

    The usage is known of the limits that all requests share, of the countries in
    `OTP_ALLOWED_COUNTRIES` and of the keys in `OTP_API_KEYS`, since the limit was
    enforced.

    Args:
        store: Reads the usage.
        settings: The countries and the API keys.
        old: The policy before the change.
        new: The policy after it.

    Raises:
        StoreUnavailable: Redis did not reply.
    """
    known = set(_hits(settings, old))
    hits = [hit for hit in _hits(settings, new) if hit not in known]
    warnings = []
    for hit in hits:
        what = "checks" if "checks" in hit.limit_name else "sends"
        scope = f" of {hit.identifier}" if hit.identifier else ""
        warnings += [
            f"{usage.limit_name} {usage.window} is full now ({what}{scope} in that"
            f" time: {usage.used}), and refuses more"
            for usage in store.shared_usage([hit])
            if usage.used >= usage.window.count
        ]
    return warnings


def off_warnings(old: Policy, new: Policy) -> list[str]:
    """Return a sentence for each limit that the change turns off.

    Args:
        old: The policy before the change.
        new: The policy after it.
    """
    return [
        f"{name} enforces no limit any longer, and it was {before}"
        for name in PARSERS
        # Without that limit every policy has a warning.
        if name != "sends_per_phone"
        and isinstance(before := getattr(old, name), Limit)
        and before.enforced
        and not getattr(new, name).enforced
    ]


def _hits(settings: Settings, policy: Policy) -> Iterator[LimitHit]:
    """Yield a hit of each enforced limit with a known identifier."""
    countries = sorted(settings.allowed_countries - {numbers.COUNTRY_WILDCARD})
    clients = [key.name for key in settings.api_keys]
    limits: list[tuple[str, str, Limit]] = [
        ("sends_total", "", policy.sends_total),
        ("failed_checks_total", "", policy.failed_checks_total),
        *(("sends_per_country", name, policy.sends_per_country) for name in countries),
        *(
            ("sends_per_key", name, policy.sends_per_key.for_key(name))
            for name in clients
        ),
        *(
            ("checks_per_key", name, policy.checks_per_key.for_key(name))
            for name in clients
        ),
    ]
    for name, identifier, limit in limits:
        if limit.enforced:
            yield LimitHit(name, identifier, limit.enforced)
