"""Warnings about a policy that is weaker than the standards or than it seems."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from otp_engine.config import guard_warnings, lever_warnings
from otp_engine.domain.limits.durations import format_duration
from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.limits.limits_by_name import LimitByName
from otp_engine.domain.models import Channel
from otp_engine.domain.policy.online_guessing import (
    MAX_CHANCE,
    MIN_CODE_LENGTH,
    GuessingChance,
    format_chance,
    guessing_chance,
)
from otp_engine.domain.policy.policy import PARSERS, Policy

_NIST_TTL = timedelta(minutes=10)
_MAX_USEFUL_CHECKS = 10
_MAX_SHADOW_WARNINGS = 5
# Delivery of a message can take this long, and one mistyped digit is common.
_MIN_USEFUL_TTL = timedelta(minutes=1)
_MIN_USEFUL_CHECKS = 2


def collect_warnings(
    policy: Policy,
    service_code_length: int | None = None,
    channels: Iterable[Channel] = (Channel.SMS,),
) -> list[str]:
    """Return a sentence for each unsafe value of *policy*.

    Args:
        policy: The policy.
        service_code_length: Digits of the codes of the default service of `/v2`; None
            if it has no length of its own.
        channels: The channels that the configured providers have.
    """
    return [
        *_shadow_warnings(policy),
        *_ttl_warnings(policy),
        *_strictness_warnings(policy),
        *_cooldown_warnings(policy),
        *_send_limit_warnings(policy),
        *_brute_force_warnings(policy, guessing_chance(policy, service_code_length)),
        *guard_warnings.collect(policy),
        *lever_warnings.collect(policy, channels),
    ]


def _shadow_warnings(policy: Policy) -> list[str]:
    warnings = []
    for name in PARSERS:
        windows = [
            f"{window.count}/{format_duration(window.period)}"
            for limit in _limits(getattr(policy, name))
            for window in limit.shadow.windows
        ]
        warnings += [
            f"{name} {window} is in shadow mode, and refuses nothing"
            for window in windows[:_MAX_SHADOW_WARNINGS]
        ]
        if (others := len(windows) - _MAX_SHADOW_WARNINGS) > 0:
            warnings.append(f"{name} has {others} more windows in shadow mode")
    if policy.budget.shadow:
        warnings.append(f"budget {policy.budget} refuses nothing")
    return warnings


def _ttl_warnings(policy: Policy) -> list[str]:
    if policy.ttl <= _NIST_TTL:
        return []
    ttl = format_duration(policy.ttl)
    return [f"ttl {ttl} is over 10m, the most that NIST SP 800-63B-4 (3.1.3.2) allows"]


def _strictness_warnings(policy: Policy) -> list[str]:
    """Return where *policy* refuses recipients who do nothing wrong."""
    warnings = []
    if policy.ttl < _MIN_USEFUL_TTL:
        warnings.append(
            f"ttl {format_duration(policy.ttl)} is under"
            f" {format_duration(_MIN_USEFUL_TTL)}: a message can arrive later"
        )
    if policy.max_checks < _MIN_USEFUL_CHECKS:
        warnings.append(
            f"max_checks {policy.max_checks}: one mistyped digit ends a verification"
        )
    if policy.max_consecutive_failures < policy.max_checks:
        warnings.append(
            f"max_consecutive_failures {policy.max_consecutive_failures} is under"
            f" max_checks {policy.max_checks}: one verification can disable a phone"
        )
    warnings += [
        f"failed_checks_per_phone {window} is under max_checks {policy.max_checks}: a"
        " verification does not get all of its checks"
        for window in policy.failed_checks_per_phone.windows
        if window.count < policy.max_checks
    ]
    return warnings


def _cooldown_warnings(policy: Policy) -> list[str]:
    warning = (
        "resend_cooldown 0s: the next message to a phone can follow at once, up to"
        " max_sends and sends_per_phone"
    )
    return [] if policy.resend_cooldown else [warning]


def _send_limit_warnings(policy: Policy) -> list[str]:
    names = [
        name
        for name in PARSERS
        if name.startswith("sends_") and not name.endswith("_per_key")
    ]
    warnings = []
    # The default of a limit by name is the first one.
    if not any(_limits(getattr(policy, name))[0].enforced for name in names):
        warnings.append(
            f"no limit on messages is enforced: {', '.join(names)} are off or in shadow"
            " mode"
        )
    return warnings


def _brute_force_warnings(policy: Policy, chance: GuessingChance) -> list[str]:
    """Return where *policy* makes brute force or flooding easier than standards do."""
    warnings = []
    if policy.code_length < MIN_CODE_LENGTH:
        warnings.append(
            f"code_length {policy.code_length} is under {MIN_CODE_LENGTH} digits: NIST"
            " SP 800-63B-4 (3.1.3.2), OWASP ASVS 5.0 (6.5.4)"
        )
    if policy.max_checks > _MAX_USEFUL_CHECKS:
        warnings.append(
            f"max_checks {policy.max_checks} is over {_MAX_USEFUL_CHECKS}: more checks"
            " help attackers, not recipients"
        )
    if not policy.sends_per_phone.enforced:
        warnings.append(
            "sends_per_phone enforces no limit: bound verifications, which any client"
            " can create, have no cooldown between their messages"
        )
    if chance.exceeds_maximum:
        warnings.append(
            f"a brute-force attack finds a code with a chance of {chance}; NIST SP"
            f" 800-63B-4 allows {format_chance(MAX_CHANCE)} (six digits, 100"
            " consecutive failures)"
        )
    return warnings


def _limits(value: Any) -> tuple[Limit, ...]:  # noqa: ANN401 - any value of the policy
    match value:
        case Limit():
            return (value,)
        case LimitByName():
            return value.limits
        case _:
            return ()
