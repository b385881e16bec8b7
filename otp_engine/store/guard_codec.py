"""Conversion between values of the pumping guard and texts of Lua scripts."""

from __future__ import annotations

from functools import lru_cache

from otp_engine.domain.models import DestinationCharge, DestinationUsage
from otp_engine.domain.pumping_guard.places import Destination, Level
from otp_engine.domain.pumping_guard.rules import (
    UNGUARDED,
    GuardRules,
    GuardUsage,
    Pressure,
    Suspension,
    to_datetime,
)
from otp_engine.errors import DestinationSuspended
from otp_engine.store import budget_codec


# Rules come from the policy, and differ by country only.
@lru_cache(maxsize=256)
def encode_rules(rules: GuardRules, *, passes: bool = False) -> str:
    """Return the rules as `parse_rules` of `lua/lib/pumping_guard.lua` reads them."""
    optional = ("-" if most is None else most for most in (rules.pressure, rules.wide))
    words = (rules.mode, int(passes), rules.block, rules.strict, *optional)
    return " ".join(map(str, (*words, repr(float(rules.conversion)))))


def encode_charge(charge: DestinationCharge) -> str:
    """Return the rules that apply to a message; empty if the guard does not count."""
    if not charge.is_guarded:
        return ""
    return encode_rules(charge.guard, passes=charge.passes)


def decode_usage(text: str, charge: DestinationCharge) -> DestinationUsage:
    """Return the usage without limits, from the text of `acquire_destination.lua`."""
    destination = charge.destination
    text, _, money = text.partition(" $ ")
    at, result, *words = text.split()
    match result:
        case "refused":
            suspension, is_new = _suspension(words, destination)
            guard = GuardUsage(
                would_refuse=suspension, suspension=suspension if is_new else None
            )
        case "counted":
            guard = GuardUsage(
                counted=True,
                pressures=tuple(
                    Pressure(
                        level=Level(level),
                        prefix=destination.name(Level(level)),
                        country=destination.country,
                        unproven=float(unproven),
                    )
                    for level, unproven in zip(words[::2], words[1::2], strict=True)
                ),
            )
        case _:
            guard = UNGUARDED
    budget = None
    if charge.budget and money:
        budget = budget_codec.decode(money, charge.budget)
    return DestinationUsage(
        limit_usage=[], counted_at=int(at), guard=guard, budget=budget
    )


def decode_refusal(text: str, destination: Destination) -> DestinationSuspended:
    """Return the error of a message that the guard refused."""
    at, _, *words = text.split()
    suspension, is_new = _suspension(words, destination)
    error = suspension.to_error(is_new=is_new, at=to_datetime(int(at)))
    error.refused_at = int(at)
    return error


def _suspension(words: list[str], destination: Destination) -> tuple[Suspension, bool]:
    """Return a suspension, and whether the message started it."""
    level, unproven, until, trips, is_new = words
    suspension = Suspension(
        level=Level(level),
        prefix=destination.name(Level(level)),
        country=destination.country,
        unproven=float(unproven),
        until=to_datetime(int(until)),
        trips=int(trips),
    )
    return suspension, is_new == "1"
