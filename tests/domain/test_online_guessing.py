"""The chance of an online guessing attack, calculated by hand for each policy."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest

from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.policy import online_guessing
from otp_engine.domain.policy.policy import Policy

MILLION = 1_000_000
UNLIMITED = Policy(
    resend_cooldown=timedelta(),
    sends_per_phone=Limit(),
    failed_checks_per_phone=Limit.parse("1000000/1s"),
)


def test_default_policy_has_a_chance_of_50_in_a_million_a_day():
    # 5 checks of 5 live codes in a verification; 10 sends a day with 5 checks each.
    chance = online_guessing.guessing_chance(Policy())

    assert chance.per_verification == Fraction(25, MILLION)
    assert chance.per_day == Fraction(50, MILLION)
    assert str(chance) == "1 in 40,000 a verification and 1 in 20,000 a day"
    assert not chance.exceeds_maximum


def test_100_checks_of_one_six_digit_code_reach_the_maximum():
    policy = replace(UNLIMITED, max_checks=100, max_sends=1)

    chance = online_guessing.guessing_chance(policy)

    assert chance.per_verification == chance.per_day == Fraction(1, 10_000)
    assert not chance.exceeds_maximum


def test_100_checks_of_two_live_codes_exceed_the_maximum():
    policy = replace(UNLIMITED, max_checks=100, max_sends=2)

    assert online_guessing.guessing_chance(policy).exceeds_maximum


@pytest.mark.parametrize(
    ("changes", "per_verification", "per_day"),
    [
        # 100 consecutive failures end all checks, each compared with 100 live codes.
        ({"max_checks": 100, "max_sends": 100}, 10_000, 10_000),
        # 5 live codes, and 100 failed checks.
        ({}, 25, 500),
        # Each bound verification has its own limit of failed checks.
        ({"failed_checks_per_phone": Limit.parse("10/1h, 20/24h")}, 25, 500),
        # A code lives 10 minutes, with a new one each 4 minutes: 3 live codes.
        (
            {
                "resend_cooldown": timedelta(minutes=4),
                "v2_resend_cooldown": timedelta(minutes=5),
            },
            15,
            300,
        ),
        # Without a cooldown of either API, `max_sends` codes can be live.
        ({"resend_cooldown": timedelta(minutes=4)}, 25, 500),
        ({"v2_resend_cooldown": timedelta(minutes=4)}, 25, 500),
        # 2 sends in ten minutes, so 2 live codes; 8 sends a day with 5 checks each.
        ({"sends_per_phone": Limit.parse("2/10m, 8/24h")}, 10, 40),
        # A window in shadow mode has no effect.
        ({"sends_per_phone": Limit.parse("2/10m, 8/24h shadow")}, 10, 200),
        # A code lives for 3 windows of 10 minutes, with 2 sends in each.
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
def test_chance_grows_with_checks_and_live_codes(changes, per_verification, per_day):
    chance = online_guessing.guessing_chance(replace(UNLIMITED, **changes))

    assert chance.per_verification == Fraction(per_verification, MILLION)
    assert chance.per_day == Fraction(per_day, MILLION)


def test_fewer_consecutive_failures_lower_both_chances():
    policy = replace(UNLIMITED, max_checks=20, max_consecutive_failures=10)

    chance = online_guessing.guessing_chance(policy)

    assert chance.per_verification == chance.per_day == Fraction(50, MILLION)


def test_chance_is_at_most_one():
    policy = replace(UNLIMITED, code_length=4, max_checks=100, max_sends=101)

    assert online_guessing.guessing_chance(policy).per_verification == 1


@pytest.mark.parametrize(
    ("service_code_length", "times"), [(None, 1), (4, 100), (6, 1), (8, 1)]
)
def test_shorter_codes_of_the_default_service_count(service_code_length, times):
    policy = replace(UNLIMITED, code_length=6)
    usual = online_guessing.guessing_chance(policy)

    chance = online_guessing.guessing_chance(policy, service_code_length)

    assert chance.per_verification == usual.per_verification * times
    assert chance.per_day == usual.per_day * times
