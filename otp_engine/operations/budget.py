"""What messages cost by country, and what the budget still allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from otp_engine.domain.money import report
from otp_engine.domain.money.budget import Budget, BudgetRules
from otp_engine.domain.money.report import CountrySpending
from otp_engine.operations.context import OperatorContext


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetReport:
    """What messages cost.

    Attributes:
        spent: Money of the running hour and of the 24 before it, in micro-units.
        budget: The budget of the live policy.
        rules: Its rules.
        countries: The money by country.
        policy_problem: Why the live version is invalid in this release, if it is.
    """

    spent: int
    budget: Budget
    rules: BudgetRules
    countries: Sequence[CountrySpending]
    policy_problem: str | None = None

    @property
    def percentage(self) -> int | None:
        """The spent part of the budget, rounded down; None while it is off."""
        return self.spent * 100 // self.rules.amount if self.rules.amount else None


def read_budget(context: OperatorContext) -> BudgetReport:
    """Return what messages cost, and the budget.

    Args:
        context: The settings and the stores.

    Raises:
        StoreUnavailable: Redis did not reply.
    """
    read = context.read_policy()
    rules = read.policy.budget_rules(context.settings.currency)
    spending = context.store.budget.read()
    return BudgetReport(
        spent=spending.whole.spent,
        budget=read.policy.budget,
        rules=rules,
        countries=report.by_country(spending, rules),
        policy_problem=read.problem,
    )
