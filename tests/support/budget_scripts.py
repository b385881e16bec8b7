"""Lua scripts that call the functions of the budget with a time of the test."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from typing import Any

from otp_engine.domain.money.budget import BudgetRules, BudgetUsage
from otp_engine.domain.money.charges import BudgetRefusal

_LIBRARY = (
    resources.files("otp_engine.store") / "lua" / "lib" / "budget.lua"
).read_text()

_ACQUIRE = """
local fields = budget_fields(ARGV[1])
local values = redis.call('HMGET', KEYS[1], unpack(fields))
local budget = read_budget(
    fields, values, tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4] == '1',
    tonumber(ARGV[5]), ARGV[6] == '1', tonumber(ARGV[7])
)
local rule, wait = check_budget(budget)
local changes = rule and report_refusal(budget) or charge_budget(budget)
if #changes > 0 then
    redis.call('HSET', KEYS[1], unpack(changes))
end
return {rule or '', wait, budget_usage(budget)}
"""

_RELEASE = """
local fields = budget_fields(ARGV[1])
if ARGV[2] == '0' then
    fields = {fields[1], fields[2]}
end
local values = redis.call('HMGET', KEYS[1], unpack(fields))
local changes = release_budget(
    fields, values, tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
)
if #changes > 0 then
    redis.call('HSET', KEYS[1], unpack(changes))
end
"""

KEY = "budget"


class BudgetScripts:
    """The budget in a Redis, with the methods of its model."""

    def __init__(self, redis: Any) -> None:
        self._redis = redis

    def acquire(
        self, country: str, rules: BudgetRules, price: int, *, has_past: bool, at: int
    ) -> BudgetUsage | BudgetRefusal:
        """Do what `Charge.acquire` does."""
        rule, wait, values = self._run(
            _ACQUIRE,
            country,
            rules.amount or 0,
            rules.parts,
            int(rules.shadow),
            price,
            int(has_past),
            at,
        )
        spent, amount, country_spent, share, level, country_level, shadow = values
        usage = BudgetUsage(
            spent=spent,
            amount=amount or None,
            country_spent=country_spent,
            country_amount=None if share < 0 else share,
            level=level or None,
            country_level=country_level or None,
            would_refuse=shadow.decode() or None,
        )
        if rule:
            return BudgetRefusal(rule=rule.decode(), wait=wait, usage=usage)
        return usage

    def release(
        self, country: str, rules: BudgetRules, price: int, *, counted_at: int, at: int
    ) -> None:
        """Do what `Charge.release` does."""
        self._run(_RELEASE, country, int(rules.shadow), price, counted_at, at)

    def fields(self) -> Mapping[str, str]:
        """Return the ledgers."""
        stored = self._redis.hgetall(KEY)
        return {name.decode(): text.decode() for name, text in stored.items()}

    def _run(self, script: str, *args: Any) -> Any:
        return self._redis.eval(f"{_LIBRARY}\n{script}", 1, KEY, *args)
