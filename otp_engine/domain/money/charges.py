"""Charges against the budget: the model of `store/lua/lib/budget.lua`.

The ledgers are fields of one hash: `$` for all countries and `$SN` for one. They count
all money. In shadow mode `$~` and `$~SN` also count what an enforced budget would have
let through, because only that shows what it would refuse.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass

from otp_engine.domain.money.budget import BudgetRules, BudgetUsage
from otp_engine.domain.money.ledger import HOUR_MS, Ledger

WHOLE = "$"
"""The field of the ledger of all countries, and the start of those of a country."""

SHADOW = "$~"
"""The same for the ledgers of a budget in shadow mode."""

BUDGET = "budget"
"""The rule that refuses what is over the whole budget."""

BUDGET_COUNTRY = "budget_country"
"""The rule that refuses what is over the share of a country."""

_TIMES_USUAL = 3
_LAST_PART = 5  # The last fifth is for phones and blocks with a past.


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetRefusal:
    """A message that the budget refuses.

    Attributes:
        rule: `BUDGET` or `BUDGET_COUNTRY`.
        wait: Milliseconds until the budget has room for the message.
        usage: The usage, without the message.
    """

    rule: str
    wait: int
    usage: BudgetUsage


def country_share(rules: BudgetRules, whole: Ledger, country: Ledger) -> int | None:
    """Return the share of a country; None if it is not limited by one.

    Args:
        rules: The rules of the budget.
        whole: The ledger of all countries, with all money.
        country: That of the country.
    """
    amount, known_days = rules.amount, whole.known_days
    if amount is None or rules.parts == 1 or not known_days:
        return None
    usual = country.usual(known_days)
    return min(amount, max(amount // rules.parts, _TIMES_USUAL * usual))


@dataclass(slots=True)
class Charge:
    """One message of one country, and the ledgers that count it.

    Attributes:
        fields: The hash with the ledgers.
        country: ISO 3166 code.
        rules: The rules.
        price: What the message costs, in micro-units.
        has_past: Whether the last fifth of the budget is for it as well.
        at: The time, in milliseconds since 1970.
    """

    fields: MutableMapping[str, str]
    country: str
    rules: BudgetRules
    price: int
    has_past: bool
    at: int

    def acquire(self) -> BudgetUsage | BudgetRefusal:
        """Count the message, unless the enforced budget refuses it."""
        whole = self._read(WHOLE, self.at // HOUR_MS)
        country = self._read(WHOLE + self.country, whole.hour)
        counted = {WHOLE: whole, WHOLE + self.country: country}
        if self.rules.shadow:
            enforced = [self._read(SHADOW, whole.hour)]
            enforced += [self._read(SHADOW + self.country, whole.hour)]
        else:
            enforced = [whole, country]
        share = country_share(self.rules, whole, country)
        rule, wait = self._check(enforced[0], enforced[1], share)
        usage = self._usage(enforced[0], enforced[1], share, rule)
        if rule and not self.rules.shadow:
            # A refusal writes only the levels that it reports, and corrected hours.
            if usage.level or usage.country_level or whole.corrected:
                self._write(counted)
            return BudgetRefusal(rule=rule, wait=wait, usage=usage)
        for ledger in counted.values():
            ledger.add(self.price)
        if self.rules.shadow:
            counted |= {SHADOW: enforced[0], SHADOW + self.country: enforced[1]}
            if not rule:
                for ledger in enforced:
                    ledger.add(self.price)
        self._write(counted)
        return usage

    def release(self, counted_at: int, *, in_shadow: bool = False) -> None:
        """Take the message back.

        Args:
            counted_at: When it was counted, in milliseconds since 1970.
            in_shadow: Whether the ledgers of shadow mode counted it as well.
        """
        names = [WHOLE, WHOLE + self.country]
        names += [SHADOW, SHADOW + self.country] if in_shadow else []
        for name in names:
            if name in self.fields:
                ledger = self._read(name, self.at // HOUR_MS)
                ledger.add(-self.price, counted_at // HOUR_MS)
                self.fields[name] = str(ledger)

    def _read(self, name: str, hour: int) -> Ledger:
        return Ledger.read(self.fields.get(name), hour)

    def _write(self, ledgers: MutableMapping[str, Ledger]) -> None:
        for name, ledger in ledgers.items():
            self.fields[name] = str(ledger)

    def _check(
        self, whole: Ledger, country: Ledger, share: int | None
    ) -> tuple[str | None, int]:
        """Return the rule that refuses, and the longest wait of all that do."""
        rule, longest, amount = None, 0, self.rules.amount
        if share is not None and country.spent + self.price > share:
            rule, longest = BUDGET_COUNTRY, country.wait(self.price, share, self.at)
        if amount is not None:
            allowed = amount if self.has_past else amount - amount // _LAST_PART
            if whole.spent + self.price > allowed:
                rule = BUDGET
                longest = max(longest, whole.wait(self.price, allowed, self.at))
        return rule, longest

    def _usage(
        self, whole: Ledger, country: Ledger, share: int | None, rule: str | None
    ) -> BudgetUsage:
        """Report the levels, and return the usage with a message that is counted."""
        amount, added = self.rules.amount, 0 if rule else self.price
        level = country_level = None
        before, country_before = whole.spent, country.spent
        for ledger in (whole, country):
            ledger.set_amount(amount or 0)
        if amount is not None:
            level = whole.reach(before, before + self.price, amount)
        if share is not None:
            after = country_before + self.price
            country_level = country.reach(country_before, after, share)
        return BudgetUsage(
            spent=before + added,
            amount=amount,
            country_spent=country_before + added,
            country_amount=share,
            level=level,
            country_level=country_level,
            would_refuse=rule if self.rules.shadow else None,
            currency=self.rules.currency,
            shadow=self.rules.shadow,
        )
