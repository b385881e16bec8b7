"""Which shared limits count a send, and which a guess."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from otp_engine.domain.limits import Charge, Limit
from otp_engine.domain.pepper import Pepper
from otp_engine.domain.policy import Policy
from otp_engine.domain.verification import Asked, Guess


def of_send(asked: Asked, policy: Policy, pepper: Pepper) -> list[Charge]:
    """All that count this send; the caller's own limits come last."""
    if asked.trusted:
        policy = replace(policy, sends_per_country=Limit())
    return [
        *_by_address("sends_per_ip", policy.sends_per_ip, asked.address, pepper),
        *of_everybody(asked.number.country, policy),
        *(_hidden(charge, pepper) for charge in asked.charges if charge.limit),
    ]


def of_everybody(country: str, policy: Policy) -> list[Charge]:
    """Those that count each send to *country*, whoever asks for it."""
    return [
        *_both("sends_per_country", country, policy.sends_per_country),
        *_both("sends_total", "", policy.sends_total),
    ]


def of_guess(guess: Guess, policy: Policy, pepper: Pepper) -> list[Charge]:
    """All that count this guess."""
    limit = policy.checks_per_ip
    return list(_by_address("checks_per_ip", limit, guess.address, pepper))


def _by_address(
    name: str, limit: Limit, address: str | None, pepper: Pepper
) -> Iterator[Charge]:
    if address:
        yield from _both(name, pepper.digest("address", address), limit)


def _both(name: str, counted: str, limit: Limit) -> Iterator[Charge]:
    """What refuses, and what only would: each counts for itself."""
    for part in (limit.enforced, limit.shadow):
        if part:
            yield Charge(name, counted, part)


def _hidden(charge: Charge, pepper: Pepper) -> Charge:
    """What a caller counts by can be a person's address or name."""
    counted = pepper.digest(charge.limit_name, charge.counted)
    return Charge(charge.limit_name, counted, charge.limit)
