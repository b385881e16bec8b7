"""`otp-engine doctor`: check the settings, Redis and the provider."""

from __future__ import annotations

import sys
from collections.abc import Callable

from otp_engine import senders
from otp_engine.app import MAX_CONCURRENT_SENDS
from otp_engine.cli import stored_config_warnings
from otp_engine.cli.common import load
from otp_engine.cli.terminal import status_line, success, warn
from otp_engine.config import Settings
from otp_engine.domain.policy.online_guessing import guessing_chance
from otp_engine.errors import DeliveryFailed, OTPError, StoreUnavailable


def doctor() -> None:
    """Check the settings, Redis and the provider.

    Ends the process with 0 if the service could serve a request now, and with 1
    otherwise.
    """
    settings, store = load()
    success("the settings are valid")
    chance = guessing_chance(settings.policy, settings.service.code_length)
    success(f"the chance of guessing a code is at most {chance}")
    for warning in settings.warnings:
        warn(warning)
    sender = senders.build_sender(settings, max_concurrent=MAX_CONCURRENT_SENDS)
    healthy = [
        _report(f"Redis ({_redacted_url(settings)})", store.check_permissions),
        _report(f"the sender ({', '.join(settings.senders)})", sender.ping),
    ]
    if all(healthy):
        for warning in stored_config_warnings.collect(settings, store):
            warn(warning)
    sys.exit(0 if all(healthy) else 1)


def _redacted_url(settings: Settings) -> str:
    """Return the URL of Redis without its credentials and options."""
    url = settings.redis_url or "in this process"
    scheme, slashes, rest = url.partition("://")
    return f"{scheme}{slashes}{rest.rpartition('@')[-1].partition('?')[0]}"


def _report(name: str, check: Callable[[], None]) -> bool:
    try:
        check()
    except OTPError as error:
        status_line("✗", "red", f"{name} {_reason(error)}")
        return False
    success(f"{name} answers")
    return True


def _reason(error: OTPError) -> str:
    match error:
        case StoreUnavailable():
            return error.reason
        case DeliveryFailed():
            return "rejects the account or its credentials"
        case _:
            return "does not answer"
