"""The configurations that the drill compares."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from tests.fault_injection.drill.actors import DAY, HOUR
from tests.fault_injection.drill.people import Person

BUDGET_USD = 480
DEFAULTS = {"OTP_GUARD": "shadow"}
GUARD = {"OTP_GUARD": "on"}
GUARD_AND_BUDGET = GUARD | {"OTP_BUDGET": f"{BUDGET_USD}/24h"}
# A marketing burst needs room above the busiest hour of the days before.
_ROOM = 3
_LEAST = 5


def best_limits(days: Sequence[Iterable[Person]]) -> dict[str, str]:
    """Return the limits of a careful operator who knows the days before.

    Each country may have three times its busiest hour, and twice its busiest day. The
    guard is off.

    Args:
        days: The good people of these days.
    """
    hours = _busiest(days, HOUR)
    whole = _busiest(days, DAY)
    limits = [
        f"{code}={max(_LEAST, _ROOM * count)}/1h, {max(_LEAST, 2 * whole[code])}/24h"
        for code, count in sorted(hours.items())
    ]
    total = _ROOM * max(hours.values(), default=1) * 2
    return {
        "OTP_GUARD": "off",
        "OTP_SENDS_PER_IP": "10/10m, 30/24h",
        # Countries without people of the days before.
        "OTP_SENDS_PER_COUNTRY": ", ".join([f"{_LEAST}/1h, {2 * _LEAST}/24h", *limits]),
        "OTP_SENDS_TOTAL": f"{max(100, total)}/1h",
    }


def _busiest(days: Iterable[Iterable[Person]], period: float) -> dict[str, int]:
    """Return the most sends of each country in a period, its re-sends included."""
    counts: dict[tuple[int, str, int], int] = defaultdict(int)
    for number, people in enumerate(days):
        for person in people:
            slot = int(person.at // period)
            counts[number, person.role.country, slot] += 1 + person.resends
    busiest: dict[str, int] = defaultdict(int)
    for (_, country, _), count in counts.items():
        busiest[country] = max(busiest[country], count)
    return dict(busiest)
