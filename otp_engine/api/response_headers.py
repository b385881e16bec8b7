"""Headers of responses: `OTP-*`, `Retry-After`, `RateLimit` and `Cache-Control`.

`RateLimit` and `RateLimit-Policy` report how many sends the limits still allow a
client. They follow draft-ietf-httpapi-ratelimit-headers-11: `q` messages in any `w`
seconds, `r` of them left, and with none left, the next in `t` seconds. Each window of a
limit is a policy of its own, named as operators write it. No header reveals what a
limit counts. Only clients with a key get them, because they would help an attacker to
stay just below every limit.

Times are exact for a client with a key. For an anonymous client they are rounded,
because an exact time would reveal when another client sent a request.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import lru_cache

from flask import Flask, Response
from flask.globals import app_ctx, request_ctx

from otp_engine import api
from otp_engine.domain.factors.authenticators import ApprovalMethod
from otp_engine.domain.factors.models import FactorCheckResult
from otp_engine.domain.limits.limits import Limit, Window, WindowUsage
from otp_engine.domain.models import Channel, SendResult

# Maximum of the seconds, and the step that they are rounded to.
_ROUNDING = ((60, 10), (3600, 60), (math.inf, 600))
# An exact end of a suspension would reveal when another client caused it.
_SUSPENSION_ROUNDING = ((math.inf, 900),)


def init_app(app: Flask) -> None:
    """Forbid caches to store the responses of the APIs of *app*."""
    app.after_request(_forbid_storing)


def _forbid_storing(response: Response) -> Response:
    # They have numbers, states of verifications and proof tokens.
    if request_ctx.request.path.startswith(api.PATHS):
        response.headers["Cache-Control"] = "no-store"
    return response


def send_headers(result: SendResult) -> dict[str, str]:
    """Return the `OTP-*` headers of a send.

    The lifetime is that of the code that the client requested, and exact.
    """
    return {
        **channel_header(result.channel),
        "OTP-Expires-In": str(math.ceil(result.expires_in.total_seconds())),
        "OTP-Resend-After": str(resend_seconds(result.resend_after)),
    }


def channel_header(channel: Channel | None) -> dict[str, str]:
    """Return the header with the channel of a message or of a code."""
    return {"OTP-Channel": channel} if channel else {}


def failed_check_headers(
    attempts_remaining: int, expires_in: timedelta
) -> dict[str, str]:
    """Return the `OTP-*` headers of a failed check.

    Args:
        attempts_remaining: Checks that the verification still accepts.
        expires_in: Time until the newest code expires. Another client may have
            requested that code.
    """
    seconds = expires_in.total_seconds()
    expiry = _for_client(seconds, round_anonymous=math.floor)
    return {"OTP-Expires-In": str(expiry), "OTP-Attempts-Left": str(attempts_remaining)}


def factor_check_headers(
    result: FactorCheckResult, method: ApprovalMethod
) -> dict[str, str]:
    """Return the `OTP-*` headers of a check of an authenticator or a recovery code."""
    headers = {}
    if result.approved:
        headers["OTP-Channel"] = str(method)
    else:
        headers["OTP-Attempts-Left"] = str(result.attempts_remaining)
    if method is ApprovalMethod.RECOVERY_CODE:
        left = result.factor.recovery_codes_left
        headers["OTP-Recovery-Codes-Left"] = str(left)
    return headers


def resend_seconds(resend_after: timedelta) -> int:
    """Return the seconds until another message is allowed."""
    return _for_client(resend_after.total_seconds())


def retry_after(wait: timedelta, *, rule: bool = False) -> str:
    """Return the value of `Retry-After` in seconds, at least 1.

    Args:
        wait: Time until a retry can succeed.
        rule: Whether a rule refused the request. An exact time would reveal to an
            anonymous client which rule it was, and when the limit was reached.
    """
    seconds = max(1, math.ceil(wait.total_seconds()))
    return str(_for_client(seconds) if rule else seconds)


def suspension_retry_after(wait: timedelta) -> str:
    """Return the value of `Retry-After` of a suspension, in seconds.

    Args:
        wait: Time until the suspension ends.
    """
    seconds = max(1, math.ceil(wait.total_seconds()))
    return str(_for_client(seconds, steps=_SUSPENSION_ROUNDING))


def rate_limit_headers(usage: Sequence[WindowUsage]) -> dict[str, str]:
    """Return the `RateLimit` headers of a send that left the limits at *usage*.

    Limits in shadow mode are left out.
    """
    if app_ctx.g.get("client_name") is None:
        return {}
    enforced = [each for each in usage if not each.window.shadow]
    if not enforced:
        return {}
    policies = (_policy(each.limit_name, each.window) for each in enforced)
    return {
        "RateLimit-Policy": ", ".join(policies),
        "RateLimit": ", ".join(map(_remaining, enforced)),
    }


def exceeded_limit_headers(name: str, limit: Limit) -> dict[str, str]:
    """Return the `RateLimit-Policy` header of a request that *limit* refused.

    Args:
        name: The name of the limit in the policy.
        limit: Its windows.
    """
    if app_ctx.g.get("client_name") is None:
        return {}
    policies = (_policy(name, window) for window in limit.enforced.windows)
    return {"RateLimit-Policy": ", ".join(policies)}


# The windows of limits come from the policy and from services, so there are few.
@lru_cache(maxsize=256)
def _policy(name: str, window: Window) -> str:
    seconds = math.ceil(window.period.total_seconds())
    return f"{_policy_name(name, window)};q={window.count};w={seconds}"


@lru_cache(maxsize=256)
def _policy_name(name: str, window: Window) -> str:
    return f'"{name} {window}"'


def _remaining(usage: WindowUsage) -> str:
    remaining = max(0, usage.window.count - usage.used)
    item = f"{_policy_name(usage.limit_name, usage.window)};r={remaining}"
    if remaining:
        return item
    return f"{item};t={math.ceil(usage.resets_in.total_seconds())}"


def _for_client(
    seconds: float,
    *,
    round_anonymous: Callable[[float], int] = math.ceil,
    steps: Sequence[tuple[float, int]] = _ROUNDING,
) -> int:
    """Return whole seconds, and round to a step for an anonymous client.

    Args:
        seconds: The exact time.
        round_anonymous: Rounds the number of steps: `math.ceil` or `math.floor`.
        steps: Maxima of the seconds, each with the step up to it.
    """
    if app_ctx.g.get("client_name") is not None:
        return max(0, math.ceil(seconds))
    whole = max(0, round_anonymous(seconds))
    step = next(step for maximum, step in steps if whole <= maximum)
    return round_anonymous(whole / step) * step
