"""Lua scripts that call the functions of the budget with a time of the test."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from typing import Any

from otp_engine.domain.money.budget import BudgetRules, BudgetUsage
from otp_engine.domain.money.charges import BudgetRefusal
from otp_engine.store import budget_codec

_LIBRARY = (
    resources.files("otp_engine.store") / "lua" / "lib" / "budget.lua"
).read_text()

_ACQUIRE = """
local money, at = parse_budget(ARGV[2]), tonumber(ARGV[4])
local fields = budget_fields(ARGV[1], money.shadow)
local values = redis.call('HMGET', KEYS[1], unpack(fields))
local budget = read_budget(fields, values, money, ARGV[3] == '1', at)
local rule, wait = check_budget(budget)
local changes = rule and report_refusal(budget) or charge_budget(budget)
if #changes > 0 then
    redis.call('HSET', KEYS[1], unpack(changes))
end
return {rule or '', wait, budget_text(budget)}
"""

_RELEASE = """
local changes = release_budget(KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3]))
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
        rule, wait, text = self._run(
            _ACQUIRE,
            country,
            budget_codec.encode(rules, price, proven=False),
            int(has_past),
            at,
        )
        usage = budget_codec.decode(text.decode(), rules)
        if rule:
            return BudgetRefusal(rule=rule.decode(), wait=wait, usage=usage)
        return usage

    def release(
        self,
        country: str,
        price: int,
        *,
        counted_at: int,
        at: int,
        in_shadow: bool,
    ) -> None:
        """Do what `Charge.release` does."""
        first = f"{counted_at} counted $ 0 0 0 -1 0 0 - {price} {int(in_shadow)}"
        self._run(_RELEASE, country, first, at)

    def fields(self) -> Mapping[str, str]:
        """Return the ledgers."""
        stored = self._redis.hgetall(KEY)
        return {name.decode(): text.decode() for name, text in stored.items()}

    def _run(self, script: str, *args: Any) -> Any:
        return self._redis.eval(f"{_LIBRARY}\n{script}", 1, KEY, *args)
