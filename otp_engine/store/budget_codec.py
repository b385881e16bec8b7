"""Conversion between values of the budget and texts of Lua scripts."""

from __future__ import annotations

from datetime import timedelta

from otp_engine.domain.money.budget import BudgetRules, BudgetUsage
from otp_engine.errors import BudgetExceeded


def encode(rules: BudgetRules | None, price: int, *, proven: bool) -> str:
    """Return what `parse_budget` of `lua/lib/budget.lua` reads; empty without rules.

    Args:
        rules: The rules of the budget.
        price: What the message costs, in micro-units.
        proven: Whether the phone is proven.
    """
    if rules is None:
        return ""
    return (
        f"{rules.amount or 0} {rules.parts} {int(rules.shadow)} {price} {int(proven)}"
    )


def decode(text: str, rules: BudgetRules) -> BudgetUsage:
    """Return the usage of `budget_text` of `lua/lib/budget.lua`.

    Args:
        text: The text.
        rules: The rules of the message.
    """
    *numbers, rule, _, _ = text.split()
    spent, amount, country_spent, share, level, country_level = map(int, numbers)
    return BudgetUsage(
        spent=spent,
        amount=amount or None,
        country_spent=country_spent,
        country_amount=None if share < 0 else share,
        level=level or None,
        country_level=country_level or None,
        would_refuse=None if rule == "-" else rule,
        currency=rules.currency,
        shadow=rules.shadow,
    )


def decode_refusal(
    rule: str, wait: int, text: str, rules: BudgetRules
) -> BudgetExceeded:
    """Return the error of a message that the budget refused.

    Args:
        rule: The rule that refused.
        wait: Milliseconds until the budget has room for the message.
        text: The time of the refusal, and the usage of the budget.
        rules: The rules of the message.
    """
    at, _, usage = text.partition(" $ ")
    return BudgetExceeded(
        rule,
        retry_after=timedelta(milliseconds=wait),
        refused_at=int(at),
        usage=decode(usage, rules),
    )
