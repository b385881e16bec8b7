"""Warnings about a pumping guard that is weaker or stricter than it seems."""

from __future__ import annotations

from otp_engine.domain.policy.by_country import ByCountry
from otp_engine.domain.policy.policy import PARSERS, Policy
from otp_engine.domain.pumping_guard.rules import GuardRules

# A country without values of its own.
_OTHER_COUNTRIES = "*"
# The guard is meant to let at most this many messages into a block of an attacker.
_MOST_USEFUL_BLOCK = 25
# Two recipients of a block who do not type in their codes are common.
_LEAST_USEFUL_BLOCK = 3
_MOST_USEFUL_WIDE = 1_000
# A recipient who forgives three messages hides three of an attacker.
_LEAST_USEFUL_CONVERSION = 0.25


def collect(policy: Policy) -> list[str]:
    """Return a sentence for each value of the guard that is unsafe or has no effect.

    A sentence about the value of a country names the country.
    """
    defaults = _warnings(policy.guard_rules(_OTHER_COUNTRIES))
    warnings = list(defaults)
    for country in _countries_with_exceptions(policy):
        warnings += [
            f"for {country}, {text}"
            for text in _warnings(policy.guard_rules(country))
            if text not in defaults
        ]
    if not policy.vouched_per_key.default.enforced:
        warnings.append(
            "vouched_per_key enforces no limit: the pumping guard refuses no message of"
            " a client that has a stolen API key"
        )
    return warnings


def _countries_with_exceptions(policy: Policy) -> list[str]:
    values = (getattr(policy, name) for name in PARSERS if name.startswith("guard"))
    return sorted(
        {
            country
            for value in values
            if isinstance(value, ByCountry)
            for country, _ in value.exceptions
        }
    )


def _warnings(rules: GuardRules) -> list[str]:
    if rules.is_off:
        return ["guard is off: only the limits on messages bound SMS pumping"]
    return [*_block_warnings(rules), *_wide_warnings(rules)]


def _block_warnings(rules: GuardRules) -> list[str]:
    warnings = []
    if rules.block > _MOST_USEFUL_BLOCK:
        warnings.append(
            f"guard_block {rules.block} is over {_MOST_USEFUL_BLOCK}: SMS pumping pays"
            " off with so many messages to a block"
        )
    if rules.block < _LEAST_USEFUL_BLOCK:
        warnings.append(
            f"guard_block {rules.block} is under {_LEAST_USEFUL_BLOCK}: few recipients"
            " who do not enter their code suspend a block"
        )
    if rules.strict > rules.block:
        warnings.append(
            f"guard_strict {rules.strict} is over guard_block {rules.block}, and has no"
            " effect"
        )
    if rules.conversion < _LEAST_USEFUL_CONVERSION:
        warnings.append(
            f"guard_conversion {rules.conversion:g} is under"
            f" {_LEAST_USEFUL_CONVERSION:g}: an attacker who enters a quarter of the"
            " codes is not refused"
        )
    return warnings


def _wide_warnings(rules: GuardRules) -> list[str]:
    warnings = [
        f"{name} {value} is over {_MOST_USEFUL_WIDE}: SMS pumping of a whole country"
        " reaches it late"
        for name, value in (
            ("guard_pressure", rules.pressure),
            ("guard_wide", rules.wide),
        )
        if value is not None and value > _MOST_USEFUL_WIDE
    ]
    if rules.pressure is None and rules.wide is None:
        warnings.append(
            "guard_pressure and guard_wide are off: an attacker can use many blocks at"
            " once"
        )
    if rules.wide is not None and rules.wide < (rules.pressure or 0):
        warnings.append(
            f"guard_wide {rules.wide} is under guard_pressure {rules.pressure}: a"
            " country is closed before it is under pressure"
        )
    return warnings
