"""What the pumping guard would have done in shadow mode, and what it has suspended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from otp_engine.domain.event_factory import PUMPING_GUARD
from otp_engine.domain.events import (
    PlaceSuspended,
    RecordedEvent,
    RequestRefused,
    VerificationApproved,
)
from otp_engine.domain.limits.durations import format_duration
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.pumping_guard.rules import GuardMode, Suspension
from otp_engine.store.events.event_filter import EventFilter
from otp_engine.store.redis_store import RedisStore

PERIOD = timedelta(days=7)
"""The period of the report: people do other things at the weekend."""

_MOST_SHOWN = 10
_KINDS = EventFilter(kinds={"refused", "suspended", "approved"})


def report(store: RedisStore, policy: Policy, now: datetime) -> list[str]:
    """Return the sentences about the guard; none if it is off.

    Args:
        store: The store with the events and the guard.
        policy: The live policy.
        now: The time.

    Raises:
        StoreUnavailable: Redis did not reply.
    """
    if set(policy.guard.values) == {GuardMode.OFF}:
        return []
    sentences = _suspensions(store.guard.list_suspensions(), policy)
    if GuardMode.SHADOW in policy.guard.values:
        tail = store.events.tail(now - PERIOD, end=now, event_filter=_KINDS)
        sentences.append(_shadow_sentence(_read_all(tail.read_next)))
    return sentences


def _read_all(read_next: Callable[[], list[RecordedEvent]]) -> Iterator[RecordedEvent]:
    while recorded := read_next():
        yield from recorded


def _suspensions(suspensions: Sequence[Suspension], policy: Policy) -> list[str]:
    shown = [
        f"{each.level} {each.prefix} until {each.until:%Y-%m-%d %H:%MZ}"
        + ("" if _refuses(each, policy) else " (shadow)")
        for each in suspensions[:_MOST_SHOWN]
    ]
    if not shown:
        return ["the pumping guard suspends no place"]
    more = len(suspensions) - len(shown)
    rest = f" and {more} more" if more else ""
    return [f"the pumping guard suspends {', '.join(shown)}{rest}"]


def _refuses(suspension: Suspension, policy: Policy) -> bool:
    return policy.guard.for_country(suspension.country) is GuardMode.ON


def _shadow_sentence(events: Iterable[RecordedEvent]) -> str:
    """Return what the guard would have refused, and how many phones were approved."""
    refused: Counter[str] = Counter()
    approved: dict[str, bool] = {}
    suspended = 0
    for recorded in events:
        match recorded.event:
            case RequestRefused(limit=limit, shadow=True) as event:
                if limit == PUMPING_GUARD:
                    refused[event.recipient.country] += 1
                    approved.setdefault(event.recipient.phone_hash, False)
            case VerificationApproved() as event:
                if event.recipient.phone_hash in approved:
                    approved[event.recipient.phone_hash] = True
            case PlaceSuspended(shadow=True):
                suspended += 1
    period = format_duration(PERIOD)
    if not refused:
        return (
            f"the pumping guard in shadow mode would have refused no send in {period}"
        )
    countries = ", ".join(f"{country} {n}" for country, n in refused.most_common(5))
    return (
        f"the pumping guard in shadow mode would have refused {refused.total()} sends"
        f" in {period} ({countries}) to {len(approved)} phones, of which"
        f" {sum(approved.values())} were approved afterwards, and have suspended"
        f" {suspended} places"
    )
