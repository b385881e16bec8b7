"""Warnings about a change of limits: one that is full at once, and one that ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from otp_engine.config import Settings
from otp_engine.domain.events import CodeSent
from otp_engine.domain.limits.limits import Limit, WindowUsage
from otp_engine.domain.limits.limits_by_name import LimitByName
from otp_engine.domain.money import amounts
from otp_engine.domain.money.budget import Budget
from otp_engine.domain.policy.policy import PARSERS, Policy
from otp_engine.operations.shared_limits import shared_hits
from otp_engine.store.events.event_filter import EventFilter
from otp_engine.store.redis_store import RedisStore

_RECENT = timedelta(hours=1)
_BATCH_SIZE = 200
"""Limits that one script reads, which takes Redis less than a millisecond."""
_MAX_WARNINGS = 10


def full_warnings(
    store: RedisStore, settings: Settings, old: Policy, new: Policy
) -> list[str]:
    """Return a sentence for each changed window or budget that is full already.

    The usage is known of the limits that all requests share, of all names with a limit
    of their own, of the countries with messages in the last hour and of the keys in
    `OTP_API_KEYS`, since the limit was enforced.

    Args:
        store: Reads the usage and the events.
        settings: The API keys.
        old: The policy before the change.
        new: The policy after it.

    Raises:
        StoreUnavailable: Redis did not reply.
    """
    changed = (
        old.sends_per_country != new.sends_per_country
        or old.calls_per_country != new.calls_per_country
    )
    countries = _recent_countries(store) if changed else []
    clients = [key.name for key in settings.api_keys]
    names = (countries, clients, settings.offered_channels)
    known = set(shared_hits(*names, old))
    hits = [hit for hit in shared_hits(*names, new) if hit not in known]
    full = [
        usage
        for start in range(0, len(hits), _BATCH_SIZE)
        for usage in store.limit_usage.shared_usage(hits[start : start + _BATCH_SIZE])
        if usage.used >= usage.window.count
    ]
    others = len(full) - _MAX_WARNINGS
    more = [f"{others} more windows are full now"] if others > 0 else []
    return [
        *map(_full_warning, full[:_MAX_WARNINGS]),
        *more,
        *_budget_warnings(store, settings.currency, old.budget, new.budget),
    ]


def _full_warning(usage: WindowUsage) -> str:
    what = "checks" if "checks" in usage.limit_name else "sends"
    scope = f" of {usage.identifier}" if usage.identifier else ""
    return (
        f"{usage.limit_name} {usage.window} is full now ({what}{scope} in that"
        f" time: {usage.used}), and refuses more"
    )


def _budget_warnings(
    store: RedisStore, currency: str, old: Budget, new: Budget
) -> list[str]:
    """Return a sentence if the money that is spent already leaves little of a budget.

    Args:
        store: Reads the money.
        currency: The currency of the prices.
        old: The budget before the change.
        new: The budget after it.
    """
    if new == old or new.amount is None or new.shadow:
        return []
    spent = store.budget.read().whole.spent
    money = f"{amounts.format_amount(spent)} {currency} in that time"
    if spent >= new.amount:
        return [f"budget {new} is spent already ({money}), and refuses every message"]
    if spent >= new.amount - new.amount // 5:
        left = f"budget {new} has only its last fifth left ({money})"
        return [f"{left}, and refuses messages to new phones and blocks"]
    return []


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
    # Limits by country count no e-mail.
    return sorted(countries - {""})
