"""The chance of guessing a code, worked out by hand for each policy."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest

from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.policy import online_guessing
from otp_engine.domain.policy.policy import Policy

MILLION = 1_000_000
OPEN = Policy(
    resend_cooldown=timedelta(),
    sends_per_phone=Limit(),
    failed_checks_per_phone=Limit.parse("1000000/1s"),
)


def test_the_defaults_leave_50_guesses_a_day():
    """5 checks of 5 live codes; 10 messages a day, each for 5 checks."""
    chance = online_guessing.guessing_chance(Policy())

    assert chance.per_verification == Fraction(25, MILLION)
    assert chance.per_day == Fraction(50, MILLION)
    assert str(chance) == "1 in 40,000 a verification and 1 in 20,000 a day"
    assert not chance.exceeds_maximum


def test_the_bound_is_100_checks_of_one_code_of_six_digits():
    policy = replace(OPEN, max_checks=100, max_sends=1)

    chance = online_guessing.guessing_chance(policy)

    assert chance.per_verification == chance.per_day == Fraction(1, 10_000)
    assert not chance.exceeds_maximum
    assert online_guessing.guessing_chance(replace(policy, max_sends=2)).exceeds_maximum


@pytest.mark.parametrize(
    ("changes", "verification", "day"),
    [
        # 100 consecutive failures end all checks, each compared with 100 live codes.
        ({"max_checks": 100, "max_sends": 100}, 10_000, 10_000),
        # 5 live codes, and 100 failed checks.
        ({}, 25, 500),
        # Each bound verification has a budget of its own.
        ({"failed_checks_per_phone": Limit.parse("10/1h, 20/24h")}, 25, 500),
        # One code lives 10 minutes, and the next comes 4 minutes later: 3 at once.
        ({"resend_cooldown": timedelta(minutes=4)}, 15, 300),
        # 2 messages in ten minutes, so 2 live codes; 8 a day with 5 checks each.
        ({"sends_per_phone": Limit.parse("2/10m, 8/24h")}, 10, 40),
        # A window in shadow bounds nothing.
        ({"sends_per_phone": Limit.parse("2/10m, 8/24h shadow")}, 10, 200),
        # Codes that live longer than the window: 2 messages in each of 3 windows.
        (
            {
                "ttl": timedelta(minutes=25),
                "max_sends": 9,
                "sends_per_phone": Limit.parse("2/10m"),
            },
            30,
            600,
        ),
    ],
)
def test_the_chance_follows_from_checks_and_live_codes(changes, verification, day):
    chance = online_guessing.guessing_chance(replace(OPEN, **changes))

    assert chance.per_verification == Fraction(verification, MILLION)
    assert chance.per_day == Fraction(day, MILLION)


def test_a_lower_ceiling_of_failures_lowers_both():
    policy = replace(OPEN, max_checks=20, max_consecutive_failures=10)

    chance = online_guessing.guessing_chance(policy)

    assert chance.per_verification == chance.per_day == Fraction(50, MILLION)


def test_no_chance_is_over_one():
    policy = replace(OPEN, code_length=4, max_checks=100, max_sends=101)

    assert online_guessing.guessing_chance(policy).per_verification == 1
