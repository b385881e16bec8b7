"""Exempt a place from the pumping guard, or close it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from otp_engine.cli import policy_context, policy_items
from otp_engine.cli.policy_changes import ChangeOptions
from otp_engine.cli.policy_items import Item
from otp_engine.cli.terminal import fail, success, warn
from otp_engine.domain.limits import names
from otp_engine.domain.phones import numbers
from otp_engine.domain.policy import items
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.policy.reverts import PolicyState
from otp_engine.domain.pumping_guard.listing import ListedPlace
from otp_engine.domain.pumping_guard.places import Level, Place
from otp_engine.operations.context import OperatorContext

_EXEMPT = "guard_exempt"
_LIFTED_FOR = timedelta(days=7)


def lift(text: str, options: ChangeOptions) -> None:
    """Exempt a prefix or country from the guard, which then starts again there.

    Args:
        text: The prefix or country.
        options: How to store the exemption; without an end, it ends after seven days.
    """
    name = _parse(text)
    context = policy_context.load()
    live = context.versions.live_state()
    _warn_of_overlaps(context, name, live)
    _warn_of_country(policy_context.live_policy(context), name)
    options = replace(options, until=options.until or _LIFTED_FOR)
    policy_items.set_items(context, [Item(_EXEMPT, name, name)], options)
    if options.dry_run:
        return
    # After the exemption, so that no message in between suspends the place again.
    if deleted := _clear(context, name):
        places = "1 place" if deleted == 1 else f"{deleted} places"
        success(f"the guard starts again with {places} in {name}")
    else:
        warn(f"the guard had counted no message to {name}")


def _clear(context: OperatorContext, name: str) -> int:
    """Delete what the guard counted in a place and in the places in it."""
    store = context.store.guard
    inner = [] if name.startswith("+") else store.list_places()
    networks = [
        place.prefix
        for place in inner
        if place.country == name and place.level is Level.NETWORK
    ]
    return sum(map(store.clear, [name, *networks]))


def close(text: str, options: ChangeOptions) -> None:
    """Send no messages to a prefix or country.

    Args:
        text: The prefix or country.
        options: How to store the change.
    """
    name = _parse(text)
    kind = "prefix" if name.startswith("+") else "country"
    policy_items.block(kind, [name], options)


def _parse(text: str) -> str:
    """Return a prefix or a country; another text ends the process with 1."""
    name = text.strip()
    is_number = name.startswith("+") or name[:1].isdigit()
    is_prefix = is_number and name != numbers.GLOBAL_NETWORK
    try:
        return names.PREFIX.parse(name) if is_prefix else names.COUNTRY.parse(name)
    except ValueError as problem:
        fail(f"{'prefix' if is_prefix else 'country'} {problem}")


def _country_of(name: str) -> str:
    """Return the country of a prefix or country, as the guard lists it."""
    return ListedPlace.of(name, Place()).country


def _warn_of_overlaps(context: OperatorContext, name: str, live: PolicyState) -> None:
    value = live.values.get(_EXEMPT, context.base.text(_EXEMPT))
    others = [item for item in items.parse(value) if item not in {name, "off"}]
    wider = [other for other in others if _includes(other, name)]
    narrower = [other for other in others if _includes(name, other)]
    if wider:
        warn(f"{_EXEMPT} already has {', '.join(wider)}, which includes {name}")
    if narrower:
        warn(f"{name} includes {', '.join(narrower)} of {_EXEMPT}, with its own end")


def _includes(wide: str, narrow: str) -> bool:
    if wide.startswith("+"):
        return narrow.startswith(wide)
    return narrow.startswith("+") and _country_of(narrow) == wide


def _warn_of_country(policy: Policy, name: str) -> None:
    country = _country_of(name)
    if not {country, numbers.COUNTRY_WILDCARD} & policy.allowed_countries:
        warn(f"messages to {country} are refused: it is not in allowed_countries")
