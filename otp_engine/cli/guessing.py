"""The chance of guessing a code, as the commands print it."""

from __future__ import annotations

from otp_engine.cli.terminal import success
from otp_engine.domain.policy.online_guessing import GuessingChance


def print_chance(chance: GuessingChance) -> None:
    """Print *chance*, unless it is too high: a warning of the policy has it then."""
    if not chance.exceeds_maximum:
        success(f"the chance of guessing a code is at most {chance}")
