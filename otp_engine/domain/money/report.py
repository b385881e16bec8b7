"""What messages cost, as operators see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from otp_engine.domain.money.budget import BudgetRules
from otp_engine.domain.money.charges import country_share
from otp_engine.domain.money.ledger import Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """The ledgers of the budget at one time.

    Attributes:
        whole: The ledger of all countries.
        by_country: Those of the countries with money, by ISO 3166 code.
    """

    whole: Ledger
    by_country: Mapping[str, Ledger]


@dataclass(frozen=True, slots=True, kw_only=True)
class CountrySpending:
    """The money of one country, in micro-units.

    Attributes:
        country: ISO 3166 code.
        spent: The money of the running hour and of the 24 before it.
        share: The share of the country; None without one.
        today: The money of the running day (UTC).
        usual: The money of a usual day; None before the first whole day.
    """

    country: str
    spent: int
    share: int | None
    today: int
    usual: int | None


def by_country(spending: Spending, rules: BudgetRules) -> list[CountrySpending]:
    """Return the money of each country, the most expensive one first."""
    known_days = spending.whole.known_days
    found = [
        CountrySpending(
            country=country,
            spent=ledger.spent,
            share=country_share(rules, spending.whole, ledger),
            today=sum(ledger.days[:1]),
            usual=ledger.usual(known_days) if known_days else None,
        )
        for country, ledger in spending.by_country.items()
    ]
    return sorted(found, key=lambda entry: (-entry.spent, entry.country))
