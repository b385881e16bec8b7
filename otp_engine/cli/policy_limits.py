"""Warnings about a change of limits: one that is full at once, and one that ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from otp_engine.config import Settings
from otp_engine.domain.events import CodeSent
from otp_engine.domain.limits.limits import Limit, LimitHit
from otp_engine.domain.limits.limits_by_name import LimitByName
from otp_engine.domain.models import Channel
from otp_engine.domain.policy.policy import PARSERS, Policy
from otp_engine.store.events.event_filter import EventFilter
from otp_engine.store.redis_store import RedisStore

_RECENT = timedelta(hours=1)


def full_warnings(
    store: RedisStore, settings: Settings, old: Policy, new: Policy
) -> list[str]:
    """Return a sentence for each changed window that is full already.

    The usage is known of the limits that all requests share, of the countries with
    messages in the last hour and of the keys in `OTP_API_KEYS`, since the limit was
    enforced.

    Args:
        store: Reads the usage and the events.
        settings: The API keys.
        old: The policy before the change.
        new: The policy after it.

    Raises:
        StoreUnavailable: Redis did not reply.
    """
    changed = old.sends_per_country != new.sends_per_country
    countries = _recent_countries(store) if changed else []
    clients = [key.name for key in settings.api_keys]
    known = set(shared_hits(countries, clients, old))
    hits = [hit for hit in shared_hits(countries, clients, new) if hit not in known]
    warnings = []
    for hit in hits:
        what = "checks" if "checks" in hit.limit_name else "sends"
        scope = f" of {hit.identifier}" if hit.identifier else ""
        warnings += [
            f"{usage.limit_name} {usage.window} is full now ({what}{scope} in that"
            f" time: {usage.used}), and refuses more"
            for usage in store.limit_usage.shared_usage([hit])
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
        and (before := _default_limit(getattr(old, name)))
        and before.enforced
        and (after := _default_limit(getattr(new, name))) is not None
        and not after.enforced
    ]


def _default_limit(value: object) -> Limit | None:
    """Return a limit, or the default of limits by name; None for other values."""
    match value:
        case Limit():
            return value
        case LimitByName():
            return value.default
        case _:
            return None


def _recent_countries(store: RedisStore) -> list[str]:
    """Return the countries of the messages of the last hour."""
    tail = store.events.tail(
        datetime.now(UTC) - _RECENT, event_filter=EventFilter(kinds={"sent"})
    )
    countries: set[str] = set()
    while recorded := tail.read_next():
        countries |= {
            sent.event.recipient.country
            for sent in recorded
            if isinstance(sent.event, CodeSent)
        }
    return sorted(countries)


def shared_hits(
    countries: Iterable[str], clients: Sequence[str], policy: Policy
) -> Iterator[LimitHit]:
    """Yield a hit of each enforced limit with a known identifier."""
    limits: list[tuple[str, str, Limit]] = [
        ("sends_total", "", policy.sends_total),
        ("failed_checks_total", "", policy.failed_checks_total),
        *(
            ("sends_per_country", name, policy.sends_per_country.for_name(name))
            for name in countries
        ),
        *(
            ("sends_per_channel", name, policy.sends_per_channel.for_name(name))
            for name in Channel
        ),
        *(
            ("sends_per_key", name, policy.sends_per_key.for_name(name))
            for name in clients
        ),
        *(
            ("checks_per_key", name, policy.checks_per_key.for_name(name))
            for name in clients
        ),
    ]
    for name, identifier, limit in limits:
        if limit.enforced:
            yield LimitHit(name, identifier, limit.enforced)
