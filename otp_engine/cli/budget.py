"""Show what messages cost, and the budget."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import click

from otp_engine.cli import policy_context
from otp_engine.cli.terminal import table, warn
from otp_engine.domain.money.amounts import format_amount
from otp_engine.operations.budget import BudgetReport, read_budget


def budget(*, as_json: bool) -> None:
    """Print what messages cost by country, and what the budget still allows.

    Args:
        as_json: Whether to print JSON.
    """
    report = read_budget(policy_context.load())
    if report.policy_problem:
        warn(report.policy_problem)
    if as_json:
        click.echo(json.dumps(_to_dict(report), indent=2))
        return
    click.echo("\n".join(_lines(report)))


def _lines(report: BudgetReport) -> list[str]:
    spent, rules = report.spent, report.rules
    if rules.amount is None:
        head = (
            f"The budget is off: {format_amount(spent)} {rules.currency} were spent in"
            " 24 hours."
        )
    else:
        budget = replace(report.budget, currency=rules.currency)
        head = f"{format_amount(spent)} of {budget} are spent: {report.percentage} %."
    rows = [
        (
            entry.country,
            format_amount(entry.spent),
            "-" if entry.share is None else format_amount(entry.share),
            "-" if not entry.share else f"{entry.spent * 100 // entry.share} %",
            format_amount(entry.today),
            "-" if entry.usual is None else format_amount(entry.usual),
        )
        for entry in report.countries
    ]
    header = ("COUNTRY", "SPENT", "SHARE", "USED", "TODAY", "USUAL")
    return [head, *(["", *table(header, rows)] if rows else [])]


def _to_dict(report: BudgetReport) -> dict[str, Any]:
    rules = report.rules
    return {
        "currency": rules.currency,
        "amount": _amount(rules.amount),
        "shadow": rules.shadow,
        "spent": _amount(report.spent),
        "countries": [
            {
                "country": entry.country,
                "spent": _amount(entry.spent),
                "share": _amount(entry.share),
                "today": _amount(entry.today),
                "usual": _amount(entry.usual),
            }
            for entry in report.countries
        ],
    }


def _amount(micro_units: int | None) -> str | None:
    return None if micro_units is None else format_amount(micro_units)
