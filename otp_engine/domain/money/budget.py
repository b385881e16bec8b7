"""The budget: the money that all messages of any 24 hours may cost.

    budget = 480/24h            in the currency of the prices
    budget = 480 USD/24h        an error if the prices have another currency
    budget = 480/24h shadow     refuses nothing, and reports what it would refuse

A budget is shared out by country, so that an attack on one country does not use up the
money of the others. The share of a country is a tenth of the budget, or an equal part
where fewer than ten countries are allowed, or three times the usual day of the country,
whichever is the most. The last fifth of the budget is for proven phones and for blocks
with a past.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from otp_engine.domain.limits import durations
from otp_engine.domain.money import amounts

PERIOD = timedelta(hours=24)
"""The period of a budget. Usual days, shares and hour sums all rest on it."""

MAX_PARTS = 10
"""The share of a country is at least this part of a budget."""

LEVELS = (50, 80, 100)
"""Percentages of a budget, and of the share of a country, that are reported."""

_BUDGET = re.compile(
    r"([0-9.]+)(?: ?([A-Za-z]{3}))? ?/ ?([^ ]+?)(?: +(shadow))?", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Budget:
    """A budget as operators write it; without an amount it is off.

    Attributes:
        amount: The most that messages of any 24 hours may cost, in micro-units; None
            if the budget is off.
        currency: The currency, if the operator wrote one.
        shadow: Whether it only reports the messages that it would have refused.
    """

    amount: int | None = None
    currency: str | None = None
    shadow: bool = False

    @classmethod
    def parse(cls, text: str) -> Budget:
        """Parse `AMOUNT[ CURRENCY]/24h[ shadow]`, or `off`.

        Raises:
            ValueError: The text is not a budget. The message follows the name of a
                setting.
        """
        if text.strip().lower() == "off":
            return cls()
        match = _BUDGET.fullmatch(text.strip())
        if not match:
            raise ValueError(f"must be like 480/24h or 480 USD/24h, or off: {text!r}")
        amount = amounts.parse(match[1])
        if not amount:
            raise ValueError(f"must have an amount over 0: {text!r}")
        if durations.parse(match[3]) != PERIOD:
            raise ValueError(f"must be for 24h: {text!r}")
        currency = match[2] and amounts.parse_currency(match[2])
        return cls(amount, currency, bool(match[4]))

    def __bool__(self) -> bool:
        return self.amount is not None

    def __str__(self) -> str:
        if self.amount is None:
            return "off"
        currency = f" {self.currency}" if self.currency else ""
        shadow = " shadow" if self.shadow else ""
        return f"{amounts.format_amount(self.amount)}{currency}/24h{shadow}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetRules:
    """The rules for the money of one message.

    Attributes:
        amount: The budget in micro-units; None if messages are only counted.
        parts: The share of a country is at least one of so many equal parts.
        shadow: Whether the budget refuses nothing.
        currency: The currency of the prices.
    """

    amount: int | None
    parts: int = MAX_PARTS
    shadow: bool = False
    currency: str = "USD"


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetUsage:
    """The money of the running hour and of the 24 hours before it, in micro-units.

    Attributes:
        spent: The money that the budget counts, with this message if it was counted.
        amount: The budget; None if messages are only counted.
        country_spent: The part of *spent* for the country of the message.
        country_amount: The share of the country; None without one.
        level: The highest percentage of the budget that this message reached first.
        country_level: The same for the share of the country.
        would_refuse: The rule that would have refused the message outside shadow mode.
        currency: The currency of the amounts.
        shadow: Whether the budget is in shadow mode.
    """

    spent: int
    amount: int | None
    country_spent: int
    country_amount: int | None
    level: int | None = None
    country_level: int | None = None
    would_refuse: str | None = None
    currency: str = "USD"
    shadow: bool = False

    @property
    def has_reports(self) -> bool:
        """Whether the message reached a level, or would have been refused."""
        return bool(self.level or self.country_level or self.would_refuse)


def rules_for(budget: Budget, *, currency: str, countries: int | None) -> BudgetRules:
    """Return the rules of a *budget*.

    Args:
        budget: The budget of the policy.
        currency: The currency of the prices.
        countries: The number of allowed countries; None means every country.
    """
    parts = MAX_PARTS if countries is None else max(1, min(countries, MAX_PARTS))
    return BudgetRules(
        amount=budget.amount, parts=parts, shadow=budget.shadow, currency=currency
    )
