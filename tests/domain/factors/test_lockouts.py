from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from otp_engine.domain.factors.lockouts import (
    Lockout,
    find_lockout,
    find_recovery_lockout,
)
from otp_engine.domain.factors.ports import StoredFactor
from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.policy.policy import Policy

NOW = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)
POLICY = Policy(failed_checks_per_factor=Limit.parse("3/1h"))
MINUTE = timedelta(minutes=1)


def factor(*minutes_ago, verified=True):
    return StoredFactor(
        id=b"F" * 16,
        record=b"record",
        created_at=NOW,
        updated_at=NOW,
        verified_at=NOW if verified else None,
        failed_at=tuple(NOW - minutes * MINUTE for minutes in minutes_ago),
    )


@pytest.mark.parametrize("minutes_ago", [(), (2, 1), (70, 2, 1), (60, 2, 1)])
def test_factor_with_attempts_left_is_not_locked(minutes_ago):
    assert find_lockout(factor(*minutes_ago), POLICY, NOW) is None


@pytest.mark.parametrize(
    ("minutes_ago", "minutes"),
    [((50, 2, 1), 10), ((70, 50, 40, 30), 10), ((2, 1, 50), 10)],
)
def test_locked_factor_accepts_a_check_when_the_oldest_one_leaves(minutes_ago, minutes):
    lockout = find_lockout(factor(*minutes_ago), POLICY, NOW)

    assert lockout == Lockout("failed_checks_per_factor", NOW + minutes * MINUTE)


def test_rule_that_takes_longest_is_returned():
    policy = Policy(
        failed_checks_per_factor=Limit.parse("3/1h"), max_consecutive_failures=3
    )

    lockout = find_lockout(factor(50, 2, 1), policy, NOW)

    assert lockout == Lockout(
        "max_consecutive_failures", NOW - 50 * MINUTE + timedelta(days=30)
    )


def test_unverified_factor_stays_locked_after_five_checks():
    four = find_lockout(factor(4, 3, 2, 1, verified=False), POLICY, NOW)
    five = find_lockout(factor(900, 4, 3, 2, 1, verified=False), POLICY, NOW)

    assert (four, five) == (None, Lockout("max_factor_tries", None))


def test_recovery_codes_have_failed_checks_of_their_own():
    failed = factor(50, 2, 1)
    of_codes = replace(failed, failed_at=(), recovery_failed_at=failed.failed_at)

    assert find_recovery_lockout(failed, POLICY, NOW) is None
    assert find_lockout(of_codes, POLICY, NOW) is None
    assert find_recovery_lockout(of_codes, POLICY, NOW) == Lockout(
        "failed_checks_per_factor", NOW + 10 * MINUTE
    )
