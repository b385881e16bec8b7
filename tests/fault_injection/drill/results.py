"""The figures of a day: messages, money, unharmed people, the first notice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields
from typing import Any

from tests.fault_injection.drill.actors import Role
from tests.fault_injection.drill.countries import block_of, usd_of
from tests.fault_injection.drill.run import Log, Step

COLUMNS = (
    "configuration",
    "attacker's sends",
    "sent",
    "USD",
    "worst block",
    "good unharmed",
    "in the attacked countries",
    "in the busiest block",
    "first notice",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The figures of one day, or the worst of several.

    Attributes:
        requested: Sends of the attacker.
        sent: Messages of the attacker.
        usd: Their price.
        worst_block: Most messages of the attacker into one block.
        day_usd: Price of all messages of 24 hours, most.
        unharmed: Share of the good people without a refused send, in percent.
        unharmed_there: The same in the attacked countries.
        unharmed_busy: The same in the block with the most good people.
        notice: Seconds from the first send of the attacker to the first notice to
            operators; None without one, or without an attacker.
        missing_credits: Approvals that the guard did not credit in time.
        unlike_model: Sends that the model of the guard answers in another way.
    """

    requested: int
    sent: int
    usd: float
    worst_block: int
    day_usd: float
    unharmed: float
    unharmed_there: float
    unharmed_busy: float
    notice: float | None
    missing_credits: int = 0
    unlike_model: int = 0

    def cells(self) -> list[str]:
        """Return the cells of a row of a table."""
        minutes = "none" if self.notice is None else f"{self.notice / 60:.0f} min"
        percent = (self.unharmed, self.unharmed_there, self.unharmed_busy)
        return [
            f"{self.requested:,}",
            f"{self.sent:,}",
            f"{self.usd:,.0f}",
            f"{self.worst_block:,}",
            *(f"{value:.1f} %" for value in percent),
            minutes,
        ]


def result_of(
    log: Log, *, countries: Collection[str], busy_block: str, notice: float | None
) -> Result:
    """Return the result of a day.

    Args:
        log: Its requests.
        countries: The attacked countries; all, if there are none.
        busy_block: The block with the most good people.
        notice: Simulated time of the first notice, in seconds of the day.
    """
    attacks, good, harmed = log.attacks, log.good(), log.harmed()
    paid = [step for step in attacks if step.outcome.sent]
    by_block = Counter(block_of(step.action.phone) for step in paid)
    there = {role for role in good if role.country in countries} or good
    busy = {role for role in good if role.block == busy_block}
    start = attacks[0].action.at if attacks else 0.0
    return Result(
        requested=len(attacks),
        sent=len(paid),
        usd=_usd(paid),
        worst_block=max(by_block.values(), default=0),
        day_usd=_usd(log.messages),
        unharmed=_percent(good, harmed),
        unharmed_there=_percent(there, harmed),
        unharmed_busy=_percent(busy, harmed),
        notice=None if notice is None or not attacks else max(notice - start, 0.0),
    )


def worst(results: Iterable[Result]) -> Result:
    """Return the worst figure of each kind."""
    results = list(results)
    shares = {"unharmed", "unharmed_there", "unharmed_busy"}
    figures: dict[str, Any] = {}
    for name in (item.name for item in fields(Result)):
        values = [getattr(result, name) for result in results]
        if None in values:
            figures[name] = None
        else:
            figures[name] = min(values) if name in shares else max(values)
    return Result(**figures)


def table(rows: dict[str, Result]) -> str:
    """Return a table with a row for each configuration."""
    lines = [COLUMNS, ["---"] * len(COLUMNS)]
    lines += [[name, *result.cells()] for name, result in rows.items()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _usd(steps: Iterable[Step]) -> float:
    return sum(usd_of(step.action.phone) for step in steps)


def _percent(people: Collection[Role], harmed: Collection[Role]) -> float:
    if not people:
        return 100.0
    return 100 * (1 - len(set(people) & set(harmed)) / len(people))
