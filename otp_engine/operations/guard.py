"""Read the pumping guard, exempt a place from it, or close the place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from otp_engine.domain.event_factory import PUMPING_GUARD
from otp_engine.domain.events import RequestRefused
from otp_engine.domain.limits import names
from otp_engine.domain.phones import numbers
from otp_engine.domain.policy import items
from otp_engine.domain.policy.changes import SourcedValue
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.policy.reverts import PolicyState
from otp_engine.domain.policy.signed_versions import MAX_VERSIONS
from otp_engine.domain.pumping_guard.listing import ListedPlace
from otp_engine.domain.pumping_guard.places import Level, Place
from otp_engine.errors import InvalidChange
from otp_engine.operations import policy_items
from otp_engine.operations.context import OperatorContext
from otp_engine.operations.policy import Change
from otp_engine.operations.policy_items import Item
from otp_engine.operations.policy_values import live_since
from otp_engine.store.events.event_filter import EventFilter
from otp_engine.store.events.event_store import RETENTION

LIFTED_FOR = timedelta(days=7)
"""How long an exemption lasts, if the operator states no end."""

_EXEMPT = "guard_exempt"


@dataclass(frozen=True, slots=True)
class GuardReport:
    """What the guard has counted and done.

    Attributes:
        since: When the mode was set; None if the environment has it.
        counted_from: Time of the first event that was counted.
        refused: Refused sends by country.
        would_refuse: Sends by country that it would have refused in shadow mode.
        places: The places, the worst first.
        mode: The value `guard`, with its source and ends.
        exempt: The value `guard_exempt`, with its source and ends.
    """

    since: datetime | None
    counted_from: datetime
    refused: Counter[str]
    would_refuse: Counter[str]
    places: Sequence[ListedPlace]
    mode: SourcedValue
    exempt: SourcedValue

    @property
    def suspended(self) -> Mapping[Level, int]:
        """The number of suspended places of each level."""
        counts = Counter(
            place.level for place in self.places if place.place.is_suspended
        )
        return {level: counts[level] for level in Level}


@dataclass(frozen=True, slots=True)
class Lift:
    """An exemption of a place from the guard.

    Attributes:
        place: The prefix or country.
        change: The change of the policy.
    """

    place: str
    change: Change


def read_guard(
    context: OperatorContext, countries: Collection[str] = ()
) -> GuardReport:
    """Return what the guard has counted and done.

    Args:
        context: The settings and the stores.
        countries: Only the places of these countries; empty for all.

    Raises:
        StoreUnavailable: Redis did not reply.
    """
    live = context.versions.live_state()
    since, now = _mode_since(context, live), context.versions.now()
    start = max(since or now - RETENTION, now - RETENTION)
    refused, would_refuse = _count_refusals(context, start, countries)
    places = [
        place
        for place in context.store.guard.list_places()
        if not countries or place.country in countries
    ]
    return GuardReport(
        since=since,
        counted_from=start,
        refused=refused,
        would_refuse=would_refuse,
        places=sorted(places, key=_badness),
        mode=context.base.value("guard", live),
        exempt=context.base.value(_EXEMPT, live),
    )


def lift(context: OperatorContext, text: str) -> Lift:
    """Return the change that exempts a prefix or country from the guard.

    After its commit, `restart` ends the suspensions there.

    Args:
        context: The settings and the stores.
        text: The prefix or country, as operators write it.

    Raises:
        InvalidChange: The text is neither.
        StoreUnavailable: Redis did not reply.
    """
    place = parse_place(text)
    live, read = context.versions.live_state(), context.read_policy()
    notes = [
        *_overlaps(context, place, live),
        *([read.problem] if read.problem else []),
        *_country_notes(read.policy, place),
    ]
    change = policy_items.set_items(context.base, [Item(_EXEMPT, place, place)], notes)
    return Lift(place, change)


def restart(context: OperatorContext, place: str) -> int:
    """Delete what the guard counted in a place and in the places in it.

    It follows the exemption, so that no message in between suspends the place again.

    Args:
        context: The stores.
        place: The prefix or country of a `Lift`.

    Returns:
        The number of places that had counts.

    Raises:
        StoreUnavailable: Redis did not reply.
    """
    store = context.store.guard
    inner = [] if place.startswith("+") else store.list_places()
    networks = [
        listed.prefix
        for listed in inner
        if listed.country == place and listed.level is Level.NETWORK
    ]
    return sum(map(store.clear, [place, *networks]))


def close(context: OperatorContext, text: str) -> Change:
    """Return the change that sends no messages to a prefix or country.

    Args:
        context: The policy of the environment.
        text: The prefix or country, as operators write it.

    Raises:
        InvalidChange: The text is neither.
    """
    place = parse_place(text)
    return policy_items.block(context.base, kind_of(place), [place])


def kind_of(place: str) -> str:
    """Return whether a place is a `prefix` or a `country`, as `policy block` has it."""
    return "prefix" if place.startswith("+") else "country"


def parse_place(text: str) -> str:
    """Return a prefix or a country in canonical form.

    Raises:
        InvalidChange: The text is neither.
    """
    name = text.strip()
    is_number = name.startswith("+") or name[:1].isdigit()
    is_prefix = is_number and name != numbers.GLOBAL_NETWORK
    try:
        return names.PREFIX.parse(name) if is_prefix else names.COUNTRY.parse(name)
    except ValueError as problem:
        kind = "prefix" if is_prefix else "country"
        raise InvalidChange([f"{kind} {problem}"]) from None


def _badness(listed: ListedPlace) -> tuple[bool, float, int, str]:
    """Return the sort key of a place: the suspended ones, then the most unproven."""
    unproven = round(listed.place.unproven, 1)
    level = list(Level).index(listed.level)
    return not listed.place.is_suspended, -unproven, level, listed.prefix


def _mode_since(context: OperatorContext, live: PolicyState) -> datetime | None:
    text = live.values.get("guard")
    versions = context.versions.history(MAX_VERSIONS)
    if text is None or not versions:
        return None
    return live_since("guard", text, versions).created_at


def _count_refusals(
    context: OperatorContext, start: datetime, countries: Collection[str]
) -> tuple[Counter[str], Counter[str]]:
    """Count the stored refusals of the guard by country: enforced, and in shadow."""
    tail = context.store.events.tail(
        start, event_filter=EventFilter(kinds={"refused"}, limits={PUMPING_GUARD})
    )
    refused: Counter[str] = Counter()
    would_refuse: Counter[str] = Counter()
    while recorded := tail.read_next():
        for event in (entry.event for entry in recorded):
            if isinstance(event, RequestRefused):
                country = event.recipient.country
                if not countries or country in countries:
                    counter = would_refuse if event.shadow else refused
                    counter[country] += 1
    return refused, would_refuse


def _country_of(name: str) -> str:
    """Return the country of a prefix or country, as the guard lists it."""
    return ListedPlace.of(name, Place()).country


def _overlaps(context: OperatorContext, name: str, live: PolicyState) -> list[str]:
    value = live.values.get(_EXEMPT, context.base.text(_EXEMPT))
    others = [item for item in items.parse(value) if item not in {name, "off"}]
    wider = ", ".join(other for other in others if _includes(other, name))
    narrower = ", ".join(other for other in others if _includes(name, other))
    return [
        *([f"{_EXEMPT} already has {wider}, which includes {name}"] if wider else []),
        *(
            [f"{name} includes {narrower} of {_EXEMPT}, with its own end"]
            if narrower
            else []
        ),
    ]


def _includes(wide: str, narrow: str) -> bool:
    if wide.startswith("+"):
        return narrow.startswith(wide)
    return narrow.startswith("+") and _country_of(narrow) == wide


def _country_notes(policy: Policy, name: str) -> list[str]:
    country = _country_of(name)
    if {country, numbers.COUNTRY_WILDCARD} & policy.allowed_countries:
        return []
    return [f"messages to {country} are refused: it is not in allowed_countries"]
