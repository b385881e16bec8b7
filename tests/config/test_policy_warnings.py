from __future__ import annotations

from datetime import timedelta

import pytest

from otp_engine.config.policy_warnings import collect_warnings
from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.limits.limits_by_name import LimitByName
from otp_engine.domain.policy.policy import Policy


def test_default_policy_has_no_warnings():
    assert collect_warnings(Policy()) == []


def test_ttl_over_ten_minutes_is_warned_of():
    (warning,) = collect_warnings(Policy(ttl=timedelta(minutes=11)))

    assert "NIST" in warning


def test_shadow_limit_is_warned_of():
    policy = Policy(sends_per_ip=Limit.parse("5/10m shadow"))

    assert collect_warnings(policy) == [
        "sends_per_ip 5/10m is in shadow mode, and refuses nothing"
    ]


@pytest.mark.parametrize(
    ("changes", "phrases"),
    [
        ({"code_length": 5}, ["under 6 digits", "1 in 2,000 a day"]),
        ({"code_length": 4}, ["under 6 digits", "1 in 200 a day"]),
        (
            {"max_checks": 11},
            ["10/1h is under max_checks 11", "max_checks 11 is", "1 in 9,090 a day"],
        ),
        ({"sends_per_phone": Limit()}, ["no cooldown", "1 in 2,000 a day"]),
        (
            {"sends_per_phone": Limit.parse("5/10m shadow")},
            ["is in shadow", "no cooldown", "1 in 2,000 a day"],
        ),
    ],
)
def test_policy_weaker_than_standards_is_warned_of(changes, phrases):
    warnings = collect_warnings(Policy(**changes))

    assert len(warnings) == len(phrases)
    for warning, phrase in zip(warnings, phrases, strict=True):
        assert phrase in warning


@pytest.mark.parametrize(
    ("changes", "phrase"),
    [
        ({"ttl": timedelta(seconds=59)}, "ttl 59s is under 1m"),
        ({"max_checks": 1}, "max_checks 1: one mistyped digit"),
        ({"max_consecutive_failures": 4}, "max_consecutive_failures 4 is under max_c"),
        (
            {"failed_checks_per_phone": Limit.parse("9/1h, 4/1d")},
            "failed_checks_per_phone 4/1d is under max_checks 5",
        ),
        ({"resend_cooldown": timedelta()}, "resend_cooldown 0s"),
    ],
)
def test_policy_that_looks_like_a_slip_is_warned_of(changes, phrase):
    (warning,) = collect_warnings(Policy(**changes))

    assert warning.startswith(phrase)


def test_ten_checks_have_no_warning():
    assert collect_warnings(Policy(max_checks=10)) == []


@pytest.mark.parametrize("text", ["off", "5/10m shadow"])
def test_policy_without_enforced_send_limit_is_warned_of(text):
    limit = Limit.parse(text)
    policy = Policy(
        sends_per_phone=limit,
        sends_per_ip=limit,
        sends_per_country=LimitByName(limit),
        sends_total=limit,
    )

    warnings = " ".join(collect_warnings(policy))

    assert "no limit on messages is enforced" in warnings


def test_one_enforced_send_limit_has_no_warning_of_missing_limits():
    policy = Policy(sends_per_phone=Limit(), sends_per_ip=Limit())

    warnings = " ".join(collect_warnings(policy))

    assert "no limit on messages" not in warnings
