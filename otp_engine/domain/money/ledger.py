"""The ledgers of the budget: what messages cost, by hour and by day.

This is the model of `store/lua/lib/budget.lua`, with the same whole numbers and the
same texts. A ledger has the sums of the running hour and of the 24 hours before it.
Each window of 24 hours is within those 25, so a budget that holds for their sum is
never passed. It also has the sums of the running day (UTC) and of the seven before it.

The text of a ledger is `HOUR FIRST AMOUNT R50 R80 R100;SUM SUM ...;SUM SUM ...`: the
hour of the newest sum, the day of the first charge, the budget of the last charge, the
hours in which the levels were reported, the sums of the hours and those of the days.
Hours and days are counted since 1970, sums are newest first, and zeros at an end are
left out.

A clock that was set back does not move the sums. Charges then count in the newest hour,
and stay longer. If the newest hour is more than 24 ahead of the clock, a clock that ran
ahead was corrected: the sums become those of the hours up to now. A clock that was set
forward counts as time that passed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from otp_engine.domain.money.budget import LEVELS

HOUR_MS = 3_600_000
_HOURS = 25
_DAYS = 8
_USUAL_DAYS = 7
_HOURS_OF_DAY = 24


@dataclass(slots=True)
class Ledger:
    """The sums of one country, or of all.

    Attributes:
        hour: The hour of the newest sum, since 1970.
        first: The day of the first charge, since 1970.
        amount: The budget of the last charge, in micro-units; 0 without one.
        reported: For each of `LEVELS`, the hour in which it was reported; 0 if it was
            not.
        hours: Sums by hour, newest first.
        days: Sums by day, newest first.
        corrected: Whether the sums were moved back to the clock. This is written even
            if nothing is counted, or they would move with the clock and never leave.
    """

    hour: int
    first: int
    amount: int = 0
    reported: list[int] = field(default_factory=lambda: [0] * len(LEVELS))
    hours: list[int] = field(default_factory=list)
    days: list[int] = field(default_factory=list)
    corrected: bool = False

    @classmethod
    def read(cls, text: str | None, hour: int) -> Ledger:
        """Return the ledger of a stored text, moved to an hour.

        Args:
            text: The stored text; None without one.
            hour: The hour, since 1970.
        """
        if not text:
            return cls(hour, hour // _HOURS_OF_DAY)
        head, hours, days = text.split(";")
        newest, first, amount, *reported = map(int, head.split())
        ledger = cls(
            newest,
            first,
            amount,
            reported,
            list(map(int, hours.split())),
            list(map(int, days.split())),
        )
        ledger._move(hour)
        return ledger

    def _move(self, hour: int) -> None:
        """Move the newest sum to *hour*; see the docstring of the module."""
        if hour > self.hour:
            passed = hour // _HOURS_OF_DAY - self.hour // _HOURS_OF_DAY
            self.hours = _shift(self.hours, hour - self.hour, _HOURS)
            self.days = _shift(self.days, passed, _DAYS)
            self.hour = hour
        elif self.hour - hour >= _HOURS:
            self.hour = hour
            self.first = min(self.first, hour // _HOURS_OF_DAY)
            self.reported = [min(reported, hour) for reported in self.reported]
            self.corrected = True

    @property
    def spent(self) -> int:
        """The sum of the running hour and of the 24 before it."""
        return sum(self.hours)

    @property
    def known_days(self) -> list[int]:
        """The ages of the whole days before the running one on which money was spent.

        The first day is not whole. On a day without money, nothing was counted.
        """
        oldest = min(_USUAL_DAYS, self.hour // _HOURS_OF_DAY - self.first - 1)
        return [age for age in range(1, oldest + 1) if any(self.days[age : age + 1])]

    def usual(self, known_days: Sequence[int]) -> int:
        """Return the sum of a usual day: the middle one, the lower one of two.

        Args:
            known_days: The ages of the days, at least one.
        """
        sums = sorted(sum(self.days[age : age + 1]) for age in known_days)
        return sums[(len(sums) - 1) // 2]

    def add(self, price: int, hour: int | None = None) -> None:
        """Add *price*, which can be negative, to an hour and its day.

        Args:
            price: Micro-units.
            hour: The hour, since 1970; None means the newest.
        """
        hour = self.hour if hour is None else min(hour, self.hour)
        _add(self.hours, self.hour - hour, price, _HOURS)
        day = self.hour // _HOURS_OF_DAY - hour // _HOURS_OF_DAY
        _add(self.days, day, price, _DAYS)

    def wait(self, price: int, allowed: int, at: int) -> int:
        """Return the milliseconds until *allowed* has room for *price*.

        Without enough room at any time, until all sums have left.
        """
        spent = self.spent
        for age in range(len(self.hours) - 1, -1, -1):
            spent -= self.hours[age]
            if self.hours[age] and spent + price <= allowed:
                return (self.hour - age + _HOURS) * HOUR_MS - at
        return (self.hour + _HOURS) * HOUR_MS - at

    def reach(self, before: int, after: int, allowed: int) -> int | None:
        """Report the highest level between two sums, if it is not reported yet.

        Args:
            before: The sum before a message, in micro-units.
            after: The sum with it, whether it is counted or refused.
            allowed: The sum that is 100 %.

        Returns:
            The level, once in a window.
        """
        found = None
        for index, level in enumerate(LEVELS):
            limit = level * allowed
            is_reached = before * 100 < limit <= after * 100
            if is_reached and self.hour - self.reported[index] >= _HOURS:
                self.reported[index] = self.hour
                found = level
        return found

    def set_amount(self, amount: int) -> None:
        """Set the budget; another one has levels that are not reported yet."""
        if amount != self.amount:
            self.amount = amount
            self.reported = [0] * len(LEVELS)

    def __str__(self) -> str:
        head = [self.hour, self.first, self.amount, *self.reported]
        return ";".join(map(_join, (head, _trim(self.hours), _trim(self.days))))


def _shift(sums: Sequence[int], count: int, length: int) -> list[int]:
    return [*[0] * min(count, length), *sums][:length]


def _add(sums: list[int], index: int, price: int, length: int) -> None:
    if index < length:
        sums += [0] * (index + 1 - len(sums))
        sums[index] = max(0, sums[index] + price)


def _trim(sums: Sequence[int]) -> Sequence[int]:
    length = len(sums)
    while length and not sums[length - 1]:
        length -= 1
    return sums[:length]


def _join(numbers: Sequence[int]) -> str:
    return " ".join(map(str, numbers))
