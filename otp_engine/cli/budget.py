"""Show what messages cost, and the budget."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import click

from otp_engine.cli import policy_context
from otp_engine.cli.terminal import table
from otp_engine.domain.money import report
from otp_engine.domain.money.amounts import format_amount
from otp_engine.domain.money.budget import Budget, BudgetRules
from otp_engine.domain.money.report import CountrySpending


def budget(*, as_json: bool) -> None:
    """Print what messages cost by country, and what the budget still allows.

    Args:
        as_json: Whether to print JSON.
    """
    context = policy_context.load()
    policy = policy_context.live_policy(context)
    rules = policy.budget_rules(context.settings.currency)
    spending = context.store.budget.read()
    spent, countries = spending.whole.spent, report.by_country(spending, rules)
    if as_json:
        click.echo(json.dumps(_to_dict(spent, rules, countries), indent=2))
        return
    click.echo("\n".join(_lines(spent, policy.budget, rules, countries)))


def _lines(
    spent: int,
    budget: Budget,
    rules: BudgetRules,
    countries: Sequence[CountrySpending],
) -> list[str]:
    if rules.amount is None:
        head = (
            f"The budget is off: {format_amount(spent)} {rules.currency} were spent in"
            " 24 hours."
        )
    else:
        percentage = spent * 100 // rules.amount
        head = (
            f"{format_amount(spent)} of {replace(budget, currency=rules.currency)}"
            f" are spent: {percentage} %."
        )
    rows = [
        (
            entry.country,
            format_amount(entry.spent),
            "-" if entry.share is None else format_amount(entry.share),
            "-" if not entry.share else f"{entry.spent * 100 // entry.share} %",
            format_amount(entry.today),
            "-" if entry.usual is None else format_amount(entry.usual),
        )
        for entry in countries
    ]
    header = ("COUNTRY", "SPENT", "SHARE", "USED", "TODAY", "USUAL")
    return [head, *(["", *table(header, rows)] if rows else [])]


def _to_dict(
    spent: int, rules: BudgetRules, countries: Sequence[CountrySpending]
) -> dict[str, Any]:
    return {
        "currency": rules.currency,
        "amount": _amount(rules.amount),
        "shadow": rules.shadow,
        "spent": _amount(spent),
        "countries": [
            {
                "country": entry.country,
                "spent": _amount(entry.spent),
                "share": _amount(entry.share),
                "today": _amount(entry.today),
                "usual": _amount(entry.usual),
            }
            for entry in countries
        ],
    }


def _amount(micro_units: int | None) -> str | None:
    return None if micro_units is None else format_amount(micro_units)
